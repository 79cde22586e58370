"""Fetching, from directories of small wheels and from an index on loopback, with the real pip."""

import hashlib
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from slimwheel.errors import OutputError, RemoteError, SlimwheelError, ToolError, UsageError
from slimwheel.fetch import FetchedWheel, FetchProgress, IndexOptions, fetch
from slimwheel.fetch import pip as pip_process
from tests.support.loopback_index import LoopbackIndex, loopback_index
from tests.support.upstream import make_wheel

LINUX = "manylinux_2_28_x86_64"
Fetch = Callable[..., FetchedWheel]


@pytest.fixture(autouse=True)
def _only_what_the_test_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A directory with three releases of `small`."""
    directory = tmp_path / "wheels"
    directory.mkdir()
    for version, tag in [
        ("1.0", "cp36-cp36m-manylinux1_x86_64"),
        ("2.0", "cp311-cp311-manylinux2014_x86_64"),
        ("2.1", "cp311-cp311-manylinux_2_28_x86_64"),
    ]:
        make_wheel(directory, {"small.py": version}, name="small", version=version, tags=[tag])
    return directory


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def local(wheels: Path, cache: Path) -> Fetch:
    """fetch() with the wheels of the directory."""

    def get(source: str, **options: object) -> FetchedWheel:
        arguments = {
            "python": "3.11",
            "platform": LINUX,
            "index": IndexOptions(find_links=(str(wheels),)),
            "cache_dir": cache,
        }
        return fetch(source, **(arguments | options))  # type: ignore[arg-type]

    return get


@pytest.fixture
def index(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackIndex]:
    monkeypatch.delenv("PIP_NO_INDEX")
    with loopback_index(wheels) as served:
        yield served


@pytest.fixture
def remote(index: LoopbackIndex, local: Fetch) -> Fetch:
    """fetch() with the index."""

    def get(source: str, **options: object) -> FetchedWheel:
        return local(source, **({"index": IndexOptions(index_url=index.url)} | options))

    return get


def _fetched_files(index: LoopbackIndex) -> int:
    return sum(path.startswith("/files/") for path in index.requests)


def _is_clean(cache: Path) -> bool:
    return not [path for path in cache.rglob("*") if path.name == "staging"]


def test_a_path_is_itself(wheels: Path) -> None:
    path = wheels / "small-1.0-cp36-cp36m-manylinux1_x86_64.whl"
    assert fetch(str(path), network=False) == FetchedWheel(path, None, str(path))


def test_a_requirement_is_kept_under_its_own_name_and_hash(
    local: Fetch, wheels: Path, cache: Path
) -> None:
    got = local("small==2.1")
    assert got.path.name == "small-2.1-cp311-cp311-manylinux_2_28_x86_64.whl"
    assert got.path.read_bytes() == (wheels / got.path.name).read_bytes()
    assert got.sha256 == hashlib.sha256(got.path.read_bytes()).hexdigest()
    assert cache in got.path.parents
    assert _is_clean(cache)


@pytest.mark.parametrize(
    ("source", "python", "platform", "version"),
    [
        ("small", "3.11", LINUX, "2.1"),
        ("small", "3.11", "manylinux_2_17_x86_64", "2.0"),
        ("small<2.1", "3.11", LINUX, "2.0"),
        ("small", "3.6", "manylinux1_x86_64", "1.0"),
        ("small", "3.6", LINUX, "1.0"),
    ],
)
def test_python_and_platform_choose_the_wheel(
    local: Fetch, source: str, python: str, platform: str, version: str
) -> None:
    name = local(source, python=python, platform=platform).path.name
    assert name.startswith(f"small-{version}-")


def test_requires_python_of_a_later_patch_release_does_not_hide_a_wheel(
    local: Fetch, wheels: Path
) -> None:
    make_wheel(
        wheels,
        {"small.py": ""},
        name="small",
        version="1.1",
        tags=["cp36-cp36m-manylinux1_x86_64"],
        metadata_extra=["Requires-Python: >=3.6.2"],
    )
    assert local("small", python="3.6").path.name.startswith("small-1.1-")


def test_a_pinned_requirement_is_answered_without_pip(
    local: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = local("small==2.1")
    monkeypatch.setattr(pip_process, "download", None)
    assert local("small == 2.1") == FetchedWheel(first.path, first.sha256, "small == 2.1")


def test_an_open_requirement_asks_again_but_fetches_only_what_is_new(
    remote: Fetch, index: LoopbackIndex, wheels: Path
) -> None:
    first = remote("small")
    assert _fetched_files(index) == 1
    assert remote("small") == first
    assert _fetched_files(index) == 1
    new = make_wheel(wheels, {"small.py": "3"}, name="small", version="3.0")
    assert remote("small").path.name == new.name
    assert _fetched_files(index) == 2


def test_without_network_the_cache_has_to_have_it(local: Fetch, remote: Fetch) -> None:
    with pytest.raises(RemoteError, match="not in the cache") as caught:
        remote("small", network=False)
    assert "--no-network" in str(caught.value.hint)
    got = remote("small")
    assert remote("small", network=False) == got


@pytest.mark.parametrize("damage", ["shorter", "other", "gone"])
def test_a_damaged_entry_is_fetched_again(local: Fetch, damage: str) -> None:
    first = local("small==2.1")
    content = first.path.read_bytes()
    if damage == "gone":
        first.path.unlink()
    else:
        first.path.write_bytes(content[:-1] if damage == "shorter" else b"x" * len(content))
        os.utime(first.path, (1, 1))
    assert local("small==2.1") == first
    assert first.path.read_bytes() == content


def test_a_touched_entry_is_hashed_and_kept(local: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    first = local("small==2.1")
    os.utime(first.path, (1, 1))
    monkeypatch.setattr(pip_process, "download", None)
    assert local("small==2.1") == first


def test_a_broken_record_is_no_obstacle(local: Fetch, cache: Path) -> None:
    first = local("small==2.1")
    for record in cache.rglob("record.json"):
        record.write_text("{")
    assert local("small==2.1") == first


def test_parallel_calls_fetch_once(remote: Fetch, index: LoopbackIndex) -> None:
    results: list[FetchedWheel] = []
    threads = [
        threading.Thread(target=lambda: results.append(remote("small==2.1"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    assert len(set(results)) == 1
    assert _fetched_files(index) == 1


def test_progress_counts_up_to_the_size(remote: Fetch, wheels: Path) -> None:
    # pip is silent about files that are here at once.
    big = {"small.bin": b"x" * 1_000_000}
    make_wheel(wheels, big, name="small", version="3.0", compress=zipfile.ZIP_STORED)
    seen: list[FetchProgress] = []
    got = remote("small", progress=seen.append)
    size = got.path.stat().st_size
    assert seen[-1] == FetchProgress(size, size)
    assert [step.done for step in seen] == sorted(step.done for step in seen)


def test_a_url(index: LoopbackIndex, local: Fetch) -> None:
    url = index.url.replace("/simple/", "/files/small-2.1-cp311-cp311-manylinux_2_28_x86_64.whl")
    by_name = local(f"small @ {url}", index=IndexOptions())
    assert by_name.path.name == "small-2.1-cp311-cp311-manylinux_2_28_x86_64.whl"
    assert local(url, index=IndexOptions()).path == by_name.path


def test_the_environment_names_the_cache(
    local: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIMWHEEL_CACHE_DIR", str(tmp_path / "elsewhere"))
    assert tmp_path / "elsewhere" in local("small", cache_dir=None).path.parents


def test_the_working_directory_does_not_matter_for_a_relative_directory_of_wheels(
    local: Fetch, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(wheels.parent)
    local("small==2.1", index=IndexOptions(find_links=("wheels",)))
    other = tmp_path / "other"
    (other / "wheels").mkdir(parents=True)
    monkeypatch.chdir(other)
    with pytest.raises(RemoteError):
        local("small==2.1", index=IndexOptions(find_links=("wheels",)))


def _fails(get: Callable[[], FetchedWheel], error: type[SlimwheelError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        get()
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_no_such_release(local: Fetch, cache: Path) -> None:
    _fails(lambda: local("small==9"), RemoteError, r"small==9.*from versions: .*2\.1")
    assert _is_clean(cache)


def test_no_such_platform(local: Fetch) -> None:
    _fails(lambda: local("small", platform="win_amd64"), RemoteError, "small")


def test_a_constraint_of_the_user_is_named(
    local: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("small<2\n")
    monkeypatch.setenv("PIP_CONSTRAINT", str(constraints))
    _fails(lambda: local("small==2.1"), RemoteError, "small<2")


@pytest.mark.parametrize(
    ("status", "words", "hint"),
    [
        (HTTPStatus.UNAUTHORIZED, "401", "credentials"),
        (HTTPStatus.FORBIDDEN, "403", "credentials"),
        (HTTPStatus.INTERNAL_SERVER_ERROR, "500", "network"),
        (HTTPStatus.NOT_FOUND, "No matching|satisfies", "name and version"),
    ],
)
def test_what_the_index_refuses(
    remote: Fetch, index: LoopbackIndex, status: HTTPStatus, words: str, hint: str
) -> None:
    index.status = status
    with pytest.raises(RemoteError, match=words) as caught:
        remote("small")
    assert hint in str(caught.value.hint)


def test_nobody_listens(local: Fetch, index: LoopbackIndex) -> None:
    nowhere = IndexOptions(index_url="http://127.0.0.1:9/simple")
    _fails(lambda: local("small", index=nowhere), RemoteError, "127.0.0.1")
    _fails(lambda: local("http://127.0.0.1:9/small-2.1-py3-none-any.whl"), RemoteError, "127.0.0.1")


def test_a_damaged_wheel_upstream(local: Fetch, wheels: Path) -> None:
    (wheels / "small-2.2-cp311-cp311-manylinux_2_28_x86_64.whl").write_bytes(b"not a zip")
    _fails(lambda: local("small==2.2"), RemoteError, "invalid")


@pytest.mark.parametrize(
    ("program", "error", "words"),
    [
        ("raise SystemExit('No module named pip')", ToolError, "not installed"),
        ("raise SystemExit(\"invalid choice: 'raw'\")", ToolError, "too old"),
        ("raise OSError(28, 'No space left on device')", OutputError, "No space left"),
        ("raise SystemExit(7)", RemoteError, "code 7"),
        ("pass", RemoteError, "left 0 wheels"),
    ],
)
def test_what_pip_itself_can_fail_at(
    local: Fetch,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    error: type[SlimwheelError],
    words: str,
) -> None:
    _put_in_place_of_pip(program, tmp_path, monkeypatch)
    with pytest.raises(error, match=words):
        local("small")


def test_an_interrupt_ends_pip_and_leaves_nothing(
    local: Fetch, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = tmp_path / "pid"
    _put_in_place_of_pip(
        "import os, pathlib, sys, time\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\n"
        "pathlib.Path(sys.argv[sys.argv.index('--dest') + 1], 'half.whl').write_bytes(b'PK')\n"
        "print('Progress 1 of 2', flush=True)\n"
        "time.sleep(60)\n",
        tmp_path,
        monkeypatch,
    )

    def interrupt(progress: FetchProgress) -> None:
        assert progress == FetchProgress(1, 2)
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        local("small", progress=interrupt)
    assert time.monotonic() - start < 30
    assert _is_clean(cache)
    assert not list(cache.rglob("*.whl"))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def _put_in_place_of_pip(program: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = directory / "path" / "pip"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))


def test_what_a_killed_process_left_is_removed(local: Fetch, cache: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from slimwheel.fetch import cache\n"
        "with cache.locked_entry(Path(sys.argv[1]), 'question') as entry:\n"
        "    (entry.staging / 'half.whl').write_bytes(b'PK')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(cache)], check=False)
    from slimwheel.fetch.cache import locked_entry

    assert list(cache.rglob("half.whl"))
    with locked_entry(cache, "question") as entry:
        assert entry.wheel() is None
        assert not list(entry.staging.iterdir())


def test_a_cache_that_cannot_be_written(local: Fetch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cache cannot be written") as caught:
        local("small", cache_dir=tmp_path / "file")
    assert caught.value.hint


def test_bad_words_are_refused_before_anything_happens(local: Fetch, cache: Path) -> None:
    for options in ({"python": "cp311"}, {"platform": "Linux"}):
        with pytest.raises(UsageError):
            local("small", **options)
    assert not cache.exists()


def test_a_wheel_of_a_known_hash_is_not_fetched_for_another_question(
    local: Fetch, remote: Fetch, index: LoopbackIndex
) -> None:
    first = local("small==2.1")
    again = remote("small==2.1", sha256=first.sha256)
    assert (again.path, again.sha256) == (first.path, first.sha256)
    assert _fetched_files(index) == 0


def test_a_known_hash_does_not_stand_for_what_the_index_has(
    local: Fetch, remote: Fetch, index: LoopbackIndex
) -> None:
    other = local("small==2.0", platform="manylinux_2_17_x86_64")
    assert remote("small==2.1", sha256=other.sha256).path.name.startswith("small-2.1-")
    assert _fetched_files(index) == 1


def test_an_answer_with_another_hash_is_put_to_pip_again(
    local: Fetch, wheels: Path, cache: Path
) -> None:
    first = local("small==2.1")
    path = wheels / first.path.name
    make_wheel(path, {"small.py": "mended"}, name="small", version="2.1", tags=["cp311-cp311-x_y"])
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert local("small==2.1").sha256 == first.sha256
    assert local("small==2.1", sha256=sha256).sha256 == sha256
    assert local("small==2.1", sha256=sha256, network=False).sha256 == sha256


def test_without_a_network_a_known_hash_is_an_answer(local: Fetch) -> None:
    first = local("small==2.1")
    options = {"network": False, "index": IndexOptions(), "python": "3.12"}
    assert local("small==2.1", sha256=first.sha256, **options).path == first.path
    with pytest.raises(RemoteError, match="not in the cache"):
        local("small==2.1", sha256="0" * 64, **options)
    first.path.write_bytes(b"damaged")
    with pytest.raises(RemoteError, match="not in the cache"):
        local("small==2.1", sha256=first.sha256, **options)
