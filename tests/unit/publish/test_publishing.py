"""Publishing to a directory: what lies there, in which order, and what is refused."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from slimwheel.errors import OutputExists, RemoteError, UsageError
from slimwheel.publish import Publication, Request, publish, reindex, snippets
from slimwheel.publish.companions import with_companions
from slimwheel.publish.directory import DirectoryStore, directory_store
from tests.unit.publish.wheels import REASON, companion, plain, slim

URL = "https://example.org/simple/"


class Links(HTMLParser):
    """Attributes of every link by its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str | None]] = {}
        self._now: dict[str, str | None] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._now = dict(attrs) if tag == "a" else {}

    def handle_data(self, data: str) -> None:
        if self._now:
            self.found[data] = self._now
            self._now = {}


def put(store: DirectoryStore, *paths: Path) -> Publication:
    return publish(store, URL, Request(wheels=with_companions(paths, store)))


def page(root: Path, project: str) -> dict[str, dict[str, str | None]]:
    return Links((root / f"simple/{project}/index.html").read_text()).found


def listed(root: Path, project: str) -> dict[str, dict[str, object]]:
    whole = json.loads((root / f"simple/{project}/index.json").read_text())
    return {file["filename"]: file for file in whole["files"]}


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".slimwheel-" not in path.as_posix()
    }


def test_a_wheel_and_what_lies_beside_it(store: DirectoryStore, root: Path, wheels: Path) -> None:
    wheel = plain(wheels, version="1.0+a.b")
    put(store, wheel)
    folder = "simple/plain"
    assert set(files(root)) == {
        "simple/index.html",
        "simple/index.json",
        f"{folder}/index.html",
        f"{folder}/index.json",
        *(f"{folder}/{wheel.name}{suffix}" for suffix in ("", ".metadata", ".json")),
    }
    assert (root / folder / wheel.name).read_bytes() == wheel.read_bytes()
    metadata = (root / folder / f"{wheel.name}.metadata").read_bytes()
    assert metadata.startswith(b"Metadata-Version: 2.4\nName: plain\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    of_metadata = hashlib.sha256(metadata).hexdigest()
    assert page(root, "plain") == {
        wheel.name: {
            "href": f"{wheel.name.replace('+', '%2B')}#sha256={digest}",
            "data-requires-python": ">=3.6",
            "data-core-metadata": f"sha256={of_metadata}",
            "data-dist-info-metadata": f"sha256={of_metadata}",
        }
    }
    entry = listed(root, "plain")[wheel.name]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", str(entry.pop("upload-time")))
    assert entry == {
        "filename": wheel.name,
        "url": wheel.name.replace("+", "%2B"),
        "hashes": {"sha256": digest},
        "size": wheel.stat().st_size,
        "requires-python": ">=3.6",
        "core-metadata": {"sha256": of_metadata},
        "yanked": False,
    }
    assert Links((root / "simple/index.html").read_text()).found == {"plain": {"href": "plain/"}}


def test_requires_python_is_escaped(store: DirectoryStore, root: Path, wheels: Path) -> None:
    put(store, plain(wheels))
    assert 'data-requires-python="&gt;=3.6"' in (root / "simple/plain/index.html").read_text()


def test_a_companion_is_taken_along_first_and_yanked(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    beside = companion(wheels)
    done = put(store, slim(wheels))
    assert [file.filename for file in done.files] == [beside.name, "torch_cpu-1.0-py3-none-any.whl"]
    assert page(root, "torch")[beside.name]["data-yanked"] == REASON
    assert "data-yanked" not in page(root, "torch-cpu")["torch_cpu-1.0-py3-none-any.whl"]


def test_a_companion_that_is_on_the_index_is_enough(
    store: DirectoryStore, wheels: Path, tmp_path: Path
) -> None:
    put(store, companion(wheels))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert [file.project for file in put(store, slim(elsewhere)).files] == ["torch-cpu"]


def test_without_its_companion_nothing_is_published(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    with pytest.raises(UsageError, match=r"torch==1.0\+slim.cpu, which is neither"):
        put(store, slim(wheels))
    assert files(root) == {}


def test_the_same_again_changes_nothing(store: DirectoryStore, root: Path, wheels: Path) -> None:
    wheel = plain(wheels)
    assert [file.status for file in put(store, wheel).files] == ["uploaded"]
    before = files(root)
    assert [file.status for file in put(store, wheel).files] == ["unchanged"]
    assert files(root) == before


def test_other_bytes_under_a_name_are_refused_and_nothing_is_written(
    store: DirectoryStore, root: Path, wheels: Path, tmp_path: Path
) -> None:
    put(store, plain(wheels))
    before = files(root)
    (tmp_path / "other").mkdir()
    changed = plain(tmp_path / "other", content="changed")
    new = plain(tmp_path / "other", version="2.0")
    with pytest.raises(OutputExists, match="published already with other bytes") as caught:
        put(store, new, changed)
    assert caught.value.exit_code == 8
    assert files(root) == before


def test_other_bytes_without_an_entry_are_refused_too(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    wheel = plain(wheels)
    (root / "simple/plain").mkdir(parents=True)
    (root / "simple/plain" / wheel.name).write_bytes(b"something else")
    with pytest.raises(OutputExists):
        put(store, wheel)
    assert (root / "simple/plain" / wheel.name).read_bytes() == b"something else"


def test_a_broken_off_upload_is_gone_on_with(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    wheel = plain(wheels)
    put(store, wheel)
    whole = files(root)
    for name in (f"{wheel.name}.json", "index.html", "index.json"):
        (root / "simple/plain" / name).unlink()
    assert [file.status for file in put(store, wheel).files] == ["unchanged"]
    again = files(root)
    assert again.keys() == whole.keys()
    assert page(root, "plain")


def test_files_are_in_the_order_of_their_versions(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    put(store, *(plain(wheels, version=version) for version in ("1.10", "1.9", "1.9+x")))
    versions = [name.split("-")[1] for name in page(root, "plain")]
    assert versions == ["1.9", "1.9+x", "1.10"]


def test_yanked_and_no_longer(store: DirectoryStore, root: Path, wheels: Path) -> None:
    wheel = plain(wheels)
    put(store, wheel)
    yank = Request(yank=[wheel.name], reason='it is "broken"')
    assert publish(store, URL, yank).yanked == [wheel.name]
    assert page(root, "plain")[wheel.name]["data-yanked"] == 'it is "broken"'
    assert listed(root, "plain")[wheel.name]["yanked"] == 'it is "broken"'
    assert put(store, wheel).files[0].yanked == 'it is "broken"'
    publish(store, URL, Request(unyank=[wheel.name]))
    assert "data-yanked" not in page(root, "plain")[wheel.name]


@pytest.mark.parametrize("name", ["absent-1.0-py3-none-any.whl", "nonsense", "../x.whl"])
def test_what_is_not_there_cannot_be_yanked(store: DirectoryStore, name: str) -> None:
    with pytest.raises(UsageError, match="is not on the index"):
        publish(store, URL, Request(yank=[name]))


def test_a_dry_run_writes_nothing(store: DirectoryStore, root: Path, wheels: Path) -> None:
    published = plain(wheels)
    put(store, published)
    before = files(root)
    request = Request(
        wheels=[published, plain(wheels, version="2.0")], yank=[published.name], dry_run=True
    )
    done = publish(store, URL, request)
    assert [file.status for file in done.files] == ["unchanged", "to upload"]
    assert done.yanked == [published.name]
    assert files(root) == before


def test_a_page_never_has_the_bytes_of_an_earlier_one(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    wheel = plain(wheels)
    seen = set()
    put(store, wheel)
    for _ in range(3):
        for request in (Request(yank=[wheel.name]), Request(unyank=[wheel.name])):
            seen.add(files(root)["simple/plain/index.html"])
            publish(store, URL, request)
    assert len(seen) == 6


def test_pages_are_made_again_from_wheels_that_came_by_other_means(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    put(store, plain(wheels))
    copied = [companion(wheels), plain(wheels, version="2.0")]
    for wheel in copied:
        folder = root / "simple" / wheel.name.split("-")[0]
        folder.mkdir(exist_ok=True)
        (folder / wheel.name).write_bytes(wheel.read_bytes())
    (root / "simple/plain/nonsense-1.0-py3-none-any.whl").write_bytes(b"no wheel")
    (root / "simple/plain/index.html").unlink()
    warned = put(store, plain(wheels)).warnings
    assert any("plain-2.0-py3-none-any.whl has no entry" in warning for warning in warned)
    problems = reindex(store)
    assert any("nonsense-1.0" in problem for problem in problems)
    assert set(page(root, "plain")) == {f"plain-{v}-py3-none-any.whl" for v in ("1.0", "2.0")}
    assert page(root, "torch")[copied[0].name]["data-yanked"] == REASON
    assert set(Links((root / "simple/index.html").read_text()).found) == {"plain", "torch"}


def test_an_index_of_other_making_loses_nothing(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    folder = root / "simple/plain"
    folder.mkdir(parents=True)
    theirs = plain(wheels)
    (folder / theirs.name).write_bytes(theirs.read_bytes())
    (folder / "index.html").write_text(f'<a href="{theirs.name}">{theirs.name}</a>')
    before = files(root)
    with pytest.raises(UsageError, match="by other means") as caught:
        put(store, plain(wheels, version="2.0"))
    assert "--reindex" in caught.value.hint
    assert files(root) == before
    assert reindex(store) == []
    put(store, plain(wheels, version="2.0"))
    assert set(page(root, "plain")) == {f"plain-{v}-py3-none-any.whl" for v in ("1.0", "2.0")}


def test_what_an_entry_misdescribes_is_not_listed(
    store: DirectoryStore, root: Path, wheels: Path
) -> None:
    wheel = plain(wheels)
    put(store, wheel)
    with (root / "simple/plain" / wheel.name).open("ab") as stream:
        stream.write(b"more")
    problems = reindex(store)
    assert any("not what its entry says" in problem for problem in problems)
    assert page(root, "plain") == {}


def test_a_malformed_entry_is_named(store: DirectoryStore, root: Path, wheels: Path) -> None:
    wheel = plain(wheels)
    put(store, wheel)
    (root / f"simple/plain/{wheel.name}.json").write_text('{"filename": 3}')
    with pytest.raises(RemoteError, match=rf"{wheel.name}.json: is not an entry .* filename"):
        reindex(store)
    (root / f"simple/plain/{wheel.name}.json").write_text("")
    with pytest.raises(RemoteError, match=r"is not an entry of the index: Invalid JSON"):
        reindex(store)


def test_sets_of_devices_under_one_version_are_warned_about(
    store: DirectoryStore, wheels: Path
) -> None:
    companion(wheels, "1.0+slim.gpu")
    first = put(store, slim(wheels, "1.0+sm80.sm90", "torch-gpu"))
    assert first.warnings == []
    second = put(store, slim(wheels, "1.0+sm75", "torch-gpu"))
    assert len(second.warnings) == 1
    assert "sm75, sm80.sm90" in second.warnings[0]


def test_words_to_install_name_the_companion(store: DirectoryStore, wheels: Path) -> None:
    companion(wheels)
    words = snippets(put(store, slim(wheels)))
    assert all("torch" in text and URL.rstrip("/") in text for text in words.values())
    pip = words["pip"].splitlines()
    assert pip[0].endswith("'torch-cpu==1.0' 'torch==1.0+slim.cpu'")
    assert "--extra-index-url" not in "".join(words.values())
    lines = words["requirements.txt, with hashes"].splitlines()
    assert re.fullmatch(rf"torch-cpu @ {URL}torch-cpu/\S+\.whl#sha256=[0-9a-f]{{64}}", lines[0])
    assert f"{URL}torch/torch-1.0%2Bslim.cpu-py3-none-any.whl#sha256=" in lines[1]
    assert "explicit = true" in words["pyproject.toml, for uv"]


def test_files_can_be_read_by_a_web_server(store: DirectoryStore, root: Path, wheels: Path) -> None:
    put(store, plain(wheels))
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in root.rglob("*") if path.is_file())


def test_nothing_hidden_is_left(root: Path, wheels: Path) -> None:
    with directory_store(root) as store:
        put(store, plain(wheels))
    assert [path.name for path in root.iterdir()] == ["simple"]
