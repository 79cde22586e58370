"""The hash of an upstream wheel without the wheel, with the real pip."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from slimwheel.errors import RemoteError
from slimwheel.fetch import IndexOptions, fetch, upstream_sha256
from tests.support.loopback_index import LoopbackIndex, loopback_index
from tests.support.upstream import make_wheel

LINUX = "manylinux_2_28_x86_64"
TAG = f"cp311-cp311-{LINUX}"


@pytest.fixture(autouse=True)
def _only_what_the_test_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LoopbackIndex]:
    with loopback_index(tmp_path) as served:
        yield served


def asked(index: LoopbackIndex, requirement: str, python: str = "3.11") -> str | None:
    options = IndexOptions(index_url=index.url)
    cache = index.directory / "cache"
    return upstream_sha256(
        requirement, python=python, platform=LINUX, index=options, cache_dir=cache
    )


def test_it_is_that_of_the_wheel_that_a_build_would_fetch(index: LoopbackIndex) -> None:
    for version, tag in [("1.0", TAG), ("2.0", "cp312-cp312-" + LINUX), ("1.5", TAG)]:
        make_wheel(index.directory, {"a.py": version}, name="small", version=version, tags=[tag])
    wheel = next(index.directory.glob("small-1.5-*.whl"))
    assert asked(index, "small") == sha256(wheel.read_bytes()).hexdigest()
    wheel = next(index.directory.glob("small-2.0-*.whl"))
    assert asked(index, "small", "3.12") == sha256(wheel.read_bytes()).hexdigest()


def test_a_large_wheel_is_not_downloaded_for_it(index: LoopbackIndex) -> None:
    """This index has no METADATA apart and serves no parts of files."""
    large = os.urandom(4 << 20)
    make_wheel(index.directory, {"a.bin": large}, name="large", version="1.0", tags=[TAG])
    assert asked(index, "large==1.0") is None


def test_a_wheel_that_is_not_there_is_an_error(index: LoopbackIndex) -> None:
    with pytest.raises(RemoteError, match="pip cannot fetch 'small==9'"):
        asked(index, "small==9")


def test_what_is_pinned_and_fetched_already_is_asked_of_nobody(index: LoopbackIndex) -> None:
    make_wheel(index.directory, {"a.py": ""}, name="small", version="1.0", tags=[TAG])
    options = IndexOptions(index_url=index.url)
    fetched = fetch(
        "small==1.0",
        python="3.11",
        platform=LINUX,
        index=options,
        cache_dir=index.directory / "cache",
    )
    index.requests.clear()
    assert asked(index, "small==1.0") == fetched.sha256
    assert index.requests == []
    assert asked(index, "small>=1.0") == fetched.sha256
    assert index.requests


def test_of_a_file_it_is_the_files(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, {"a.py": ""}, name="small", version="1.0", tags=[TAG])
    found = upstream_sha256(str(wheel), python="3.11", platform=LINUX, index=IndexOptions())
    assert found == sha256(wheel.read_bytes()).hexdigest()
