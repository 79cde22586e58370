"""Indexes with odd, hostile and foreign content, and wheels with odd names: no harm is done."""

import html
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slimwheel.errors import OutputError, OutputExists, RemoteError, SlimwheelError, UsageError
from slimwheel.publish import Request, publish, reindex, snippets
from slimwheel.publish.directory import DirectoryStore, directory_store
from slimwheel.publish.index import update_root
from slimwheel.publish.pages import revision_of
from slimwheel.publish.store import Changed, Kind
from tests.support.upstream import make_wheel
from tests.unit.publish.test_publishing import files, listed, page, put
from tests.unit.publish.wheels import plain

URL = "https://example.org/simple/"
KIND = Kind("text/plain", "max-age=1")
PLAIN = "plain-1.0-py3-none-any.whl"


def copied(root: Path, wheel: Path, folder: str = "plain", name: str = "") -> Path:
    """Put a wheel on an index as other tools would."""
    path = root / "simple" / folder / (name or wheel.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wheel.read_bytes())
    return path


# Folders that are no projects of ours.


def test_folders_of_other_names_are_neither_listed_nor_filled(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    put(store, plain(wheels))
    odd = plain(wheels, "my-pkg")
    copied(root, odd, "My.Pkg")
    copied(root, odd, 'a&b<i>"')
    (root / "simple/My.Pkg/index.html").write_text("theirs")
    problems = reindex(store)
    assert set(page(root, "")) == {"plain"}
    whole = json.loads((root / "simple/index.json").read_text())
    assert whole["projects"] == [{"name": "plain"}]
    assert "<i>" not in (root / "simple/index.html").read_text()
    assert not (root / "simple/my-pkg").exists()
    assert any("simple/My.Pkg/ is not listed" in p and "simple/my-pkg/" in p for p in problems)
    assert (root / "simple/My.Pkg/index.html").read_text() == "theirs"


def test_a_project_is_listed_once_it_has_a_page(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    copied(root, plain(wheels, "under-way"), "under-way")
    put(store, plain(wheels))
    assert set(page(root, "")) == {"plain"}
    put(store, plain(wheels, "under-way"))
    update_root(store)
    assert set(page(root, "")) == {"plain", "under-way"}


def test_a_folder_without_wheels_gets_no_page(store: DirectoryStore, root: Path) -> None:
    assets = root / "simple/assets"
    assets.mkdir(parents=True)
    (assets / "index.html").write_text("theirs")
    (assets / "logo.svg").write_text("<svg/>")
    reindex(store)
    assert (assets / "index.html").read_text() == "theirs"
    assert {path.name for path in assets.iterdir()} == {"index.html", "logo.svg"}


# Pages that others made.


@pytest.mark.parametrize(
    "their_page",
    [
        '<a href="plain-0.9.tar.gz">plain-0.9.tar.gz</a>',
        '<A class=x HREF="../../pool/plain-0.8-py3-none-any.whl#sha256=ab">x</a>',
        '<a href="https://[h/pool/plain-0.7.zip?x=1">x</a>',
        '{"files": [{"filename": "plain-0.6.tar.gz", "url": "https://h/x"}], "name": "plain"}',
    ],
    ids=["sdist", "elsewhere", "no URL", "json"],
)
def test_what_only_their_page_lists_is_not_lost(
    store: DirectoryStore, root: Path, wheels: Path, their_page: str
) -> None:
    path = root / "simple/plain/index.html"
    path.parent.mkdir(parents=True)
    path.write_text(their_page)
    before = files(root)
    with pytest.raises(UsageError, match="by other means"):
        put(store, plain(wheels))
    assert files(root) == before
    copied(root, plain(wheels, version="2.0"))
    assert any("stays as it is" in problem for problem in reindex(store))
    assert path.read_text() == their_page


def test_yanking_loses_nothing_of_their_page_either(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    wheel = plain(wheels)
    put(store, wheel)
    theirs = root / "simple/plain/index.html"
    theirs.write_text('<a href="plain-0.9.tar.gz">plain-0.9.tar.gz</a>')
    with pytest.raises(UsageError, match="by other means"):
        publish(store, URL, Request(yank=[wheel.name]))
    assert "data-yanked" not in theirs.read_text()
    assert listed(root, "plain")[wheel.name]["yanked"] is False


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"_revision": "7"}',
        b"\xff\xfe",
        b"null",
        b"",
        b'<meta name="slimwheel:revision" content="' + b"9" * 5000 + b'">',
    ],
    ids=["deep", "text", "no text", "null", "empty", "long"],
)
def test_pages_without_a_number_of_ours(data: bytes) -> None:
    assert revision_of(data) == 0


# Entries that were edited by hand.


def edited(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry.update({k.replace("_", "-"): v for k, v in changes.items()})


@pytest.mark.parametrize(
    "change",
    [
        edited(url="https://elsewhere.example/plain-1.0-py3-none-any.whl"),
        edited(filename="plain-2.0-py3-none-any.whl"),
        edited(size=3),
        edited(requires_python="x" * (2 << 20)),
    ],
)
def test_entries_that_do_not_fit_are_not_listed(
    store: DirectoryStore, root: Path, wheels: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    put(store, plain(wheels), plain(wheels, version="2.0"))
    path = root / f"simple/plain/{PLAIN}.json"
    entry = json.loads(path.read_text())
    change(entry)
    path.write_text(json.dumps(entry))
    assert any(PLAIN in problem for problem in reindex(store))
    assert set(page(root, "plain")) == {"plain-2.0-py3-none-any.whl"}


@pytest.mark.parametrize(
    "change",
    [
        edited(upload_time="yesterday"),
        edited(yanked=""),
        edited(hashes={"sha256": "AB"}),
    ],
)
def test_entries_that_installers_cannot_read_are_named(
    store: DirectoryStore, root: Path, wheels: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    put(store, plain(wheels))
    path = root / f"simple/plain/{PLAIN}.json"
    entry = json.loads(path.read_text())
    change(entry)
    path.write_text(json.dumps(entry))
    with pytest.raises(RemoteError, match=f"{PLAIN}.json: is not an entry"):
        reindex(store)


@pytest.mark.parametrize("name", ["foo.whl", "other-1.0-py3-none-any.whl", "plain-1.0-x.whl"])
def test_names_that_are_no_wheels_of_the_project(
    store: DirectoryStore, root: Path, wheels: Path, name: str
) -> None:
    wheel = plain(wheels)
    put(store, wheel)
    copied(root, wheel, name=name)
    entry = (root / f"simple/plain/{PLAIN}.json").read_text()
    (root / f"simple/plain/{name}.json").write_text(entry.replace(PLAIN, name))
    (root / f"simple/plain/{name}.metadata").write_text("")
    problems = put(store, wheel).warnings + reindex(store)
    assert any(f"{name} is no wheel of plain" in problem for problem in problems)
    assert set(page(root, "plain")) == {PLAIN}


def test_a_wheel_whose_metadata_has_gone_is_not_listed_until_it_is_back(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    put(store, plain(wheels))
    metadata = root / f"simple/plain/{PLAIN}.metadata"
    before = metadata.read_bytes()
    metadata.unlink()
    put(store, plain(wheels, version="2.0"))
    assert set(page(root, "plain")) == {"plain-2.0-py3-none-any.whl"}
    assert reindex(store) == []
    assert PLAIN in page(root, "plain")
    assert metadata.read_bytes() == before


# Wheels that are refused before anything is written.


def test_two_files_of_one_name(store: DirectoryStore, root: Path, wheels: Path) -> None:
    other = wheels / "other"
    other.mkdir()
    with pytest.raises(UsageError, match="another file of that name"):
        put(store, plain(wheels), plain(other, content="changed"))
    assert files(root) == {}
    same = wheels / "same"
    same.mkdir()
    assert len(put(store, plain(wheels), plain(same)).files) == 1


def test_another_file_without_an_entry_is_found_before_anything_is_written(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    new, taken = plain(wheels, "alpha"), plain(wheels)
    copied(root, plain(wheels, version="2.0"), name=PLAIN)
    before = files(root)
    for dry_run in (True, False):
        with pytest.raises(OutputExists, match="other bytes"):
            publish(store, URL, Request(wheels=[new, taken], dry_run=dry_run))
    assert files(root) == before


def test_a_published_file_that_was_replaced_by_hand_is_found_too(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    wheel = plain(wheels)
    put(store, wheel)
    (root / "simple/plain" / wheel.name).write_bytes(b"replaced")
    before = files(root)
    with pytest.raises(OutputExists, match="other bytes"):
        put(store, plain(wheels, "alpha"), wheel)
    assert files(root) == before


@pytest.mark.parametrize("name", ["plain-1.0-1<b>-py3-none-any.whl", "plain- 1.0-py3-none-any.whl"])
def test_a_name_that_no_link_should_have(
    store: DirectoryStore, root: Path, wheels: Path, name: str
) -> None:
    wheel = plain(wheels).rename(wheels / name)
    with pytest.raises(UsageError, match="is not the name of a wheel") as caught:
        put(store, wheel)
    assert caught.value.file == str(wheel)
    assert files(root) == {}


def test_a_project_that_no_installer_can_ask_for(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    with pytest.raises(SlimwheelError):
        put(store, plain(wheels, "pläin"))
    assert files(root) == {}


def test_a_reason_that_is_not_utf_8(store: DirectoryStore, root: Path, wheels: Path) -> None:
    wheel = plain(wheels)
    put(store, wheel)
    before = files(root)
    with pytest.raises(UsageError, match="not UTF-8"):
        publish(store, URL, Request(yank=[wheel.name], reason="\udcff"))
    assert files(root) == before


# Wheels that are odd, and all right.


@pytest.mark.parametrize("reason", ["\"'<&>", "two\nlines\r\n", "日本\u2028", "a=b data-x=1>"])
def test_reasons_of_any_letters(
    store: DirectoryStore, root: Path, wheels: Path, reason: str
) -> None:
    wheel = plain(wheels)
    put(store, wheel)
    publish(store, URL, Request(yank=[wheel.name], reason=reason))
    assert listed(root, "plain")[wheel.name]["yanked"] == reason
    text = (root / "simple/plain/index.html").read_bytes().decode()
    assert f'data-yanked="{html.escape(reason)}"' in text


def test_names_spelled_in_any_way_versions_of_any_kind_and_windows_lines(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    def named(file: str, name: str, version: str, *extra: str) -> Path:
        made = make_wheel(
            wheels,
            {"x.py": ""},
            name=name,
            version=version,
            tags=["py3-none-any"],
            purelib=True,
            metadata_extra=extra,
        )
        return made.rename(wheels / file)

    odd = [
        named("My.Pkg-1!2.0+a.b-py3-none-any.whl", "my-pkg", "1!2.0+a.b"),
        named("my_pkg-1.0-2x-py3-none-any.whl", "my-pkg", "1.0", "Requires-Python: >=3.6, <4"),
        named(
            "MY_PKG-1.0rc1-py3-none-any.whl", "my-pkg", "1.0rc1", "Requires-Python: >3,\r", "  <4\r"
        ),
        named("my_pkg-0.9-py3-none-any.whl", "my-pkg", "0.9", "Requires-Python:"),
    ]
    assert put(store, *odd).warnings == []
    found = page(root, "my-pkg")
    assert list(found) == [odd[3].name, odd[2].name, odd[1].name, odd[0].name]
    assert str(found[odd[0].name]["href"]).startswith("My.Pkg-1%212.0%2Ba.b-py3-none-any.whl#")
    assert found[odd[1].name]["data-requires-python"] == ">=3.6, <4"
    assert found[odd[2].name]["data-requires-python"] == ">3, <4"
    assert "data-requires-python" not in found[odd[3].name]
    assert "requires-python" not in listed(root, "my-pkg")[odd[3].name]
    whole = json.loads((root / "simple/my-pkg/index.json").read_text())
    assert whole["versions"] == ["0.9", "1.0rc1", "1.0", "1!2.0+a.b"]
    assert reindex(store) == []


def test_words_are_safe_in_a_shell(store: DirectoryStore, wheels: Path) -> None:
    done = publish(store, "https://h/a&b;c/simple/", Request(wheels=[plain(wheels)]))
    assert "--index-url 'https://h/a&b;c/simple/' 'plain==1.0'" in snippets(done)["pip"]


# The directory itself.


def test_a_dry_run_makes_no_directory(tmp_path: Path, wheels: Path) -> None:
    absent = tmp_path / "deep/index"
    with directory_store(absent) as store:
        done = publish(store, URL, Request(wheels=[plain(wheels)], dry_run=True))
    assert done.files[0].status == "to upload"
    with pytest.raises(UsageError), directory_store(absent) as store:
        publish(store, URL, Request(yank=[PLAIN]))
    assert not absent.parent.exists()


def test_what_changed_and_kept_size_and_times_is_noticed(store: DirectoryStore, root: Path) -> None:
    store.write("k", b"one", KIND, expected=None)
    stored = store.read("k")
    assert stored
    times = (root / "k").stat()
    (root / "k").write_bytes(b"two")
    os.utime(root / "k", ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(Changed):
        store.write("k", b"three", KIND, expected=stored.etag)


def test_a_file_in_the_way_is_named(root: Path, wheels: Path) -> None:
    (root / "simple").mkdir(parents=True)
    (root / "simple/plain").write_text("")
    with pytest.raises(OutputError) as caught, directory_store(root) as store:
        put(store, plain(wheels))
    assert str(caught.value.file).startswith(str(root / "simple/plain"))
    assert "--output-dir" not in caught.value.hint
    (root / "x").write_text("")
    with pytest.raises(OutputError) as caught, directory_store(root / "x/y") as store:
        put(store, plain(wheels))
    assert "--output-dir" not in caught.value.hint
    with pytest.raises(OutputError, match="is not a directory"), directory_store(root / "x"):
        pass


def test_a_wheel_is_not_copied_to_be_read_again(root: Path, wheels: Path) -> None:
    with directory_store(root) as store:
        path = copied(root, plain(wheels))
        target = wheels / "again.whl"
        store.download(f"simple/plain/{PLAIN}", target)
        assert target.samefile(path)
        assert reindex(store) == []
    assert path.is_file()
    assert not path.is_symlink()
