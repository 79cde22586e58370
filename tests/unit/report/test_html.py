"""The page is one file: whole, without a network, and safe whatever names a wheel has."""

import hashlib
import json
import re
import stat
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from slimwheel.contents import compare, contents_of, verdicts_on
from slimwheel.errors import OutputError
from slimwheel.report.html import diff_page, inspect_page, write_page
from slimwheel.report.json_contents import inspection
from tests.support.upstream import make_wheel

PAGE = files("slimwheel.report").joinpath("page")


def page(tmp_path: Path, *names: str) -> str:
    wheel = make_wheel(tmp_path, dict.fromkeys(names or ("p/a.py",), "text"), name="p")
    breakdown = contents_of(wheel)
    verdicts = verdicts_on(breakdown.installed, breakdown.size)
    return inspect_page(inspection(breakdown, None, verdicts, [], ["q"], [], []))


def data_of(text: str) -> dict[str, Any]:
    (found,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', text)
    loaded: dict[str, Any] = json.loads(found)
    return loaded


def test_the_library_is_its_authors() -> None:
    digest = hashlib.sha256(PAGE.joinpath("d3-hierarchy.min.js").read_bytes()).hexdigest()
    assert digest == "971f374ce9fdbec711eb2358003e2bb755bff22ec6852dc5ebd59f987270db64"
    assert digest in PAGE.joinpath("README.md").read_text("utf-8")
    assert "Mike Bostock" in PAGE.joinpath("d3-hierarchy.LICENSE").read_text("utf-8")


def test_nothing_is_fetched(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert "default-src 'none'" in text
    markup = re.sub(r"<script.*?</script>|<style>.*?</style>", "", text, flags=re.DOTALL)
    assert re.findall(r"<script[^>]*src", text) == []
    assert re.findall(r'(?:src|href)="(?!data:)', markup) == []
    assert (
        re.findall(r"url\(|@import", "".join(re.findall(r"<style>(.*?)</style>", text, re.S))) == []
    )
    assert "<!--" not in markup


def test_every_script_is_in_the_page(tmp_path: Path) -> None:
    text = page(tmp_path)
    scripts = [path.name for path in PAGE.iterdir() if path.name.endswith(".js")]
    assert len(scripts) == 6
    for name in ("base.css", "page.css", *scripts):
        assert PAGE.joinpath(name).read_text("utf-8") in text


def test_names_cannot_leave_their_place(tmp_path: Path) -> None:
    hostile = "p/</script><script>alert(1)<!--SCRIPTS-->&.py"
    text = page(tmp_path, hostile)
    assert text.count("</script>") == page(tmp_path, "p/a.py").count("</script>")
    (wheel,) = data_of(text)["wheels"]
    assert hostile in [row[0] for row in wheel["members"]]


def test_diff_has_both(tmp_path: Path) -> None:
    a = contents_of(make_wheel(tmp_path, {"p/a.py": "1"}, name="p", version="1.0"))
    b = contents_of(make_wheel(tmp_path, {"p/a.py": "22"}, name="p", version="2.0"))
    wheels = data_of(diff_page(compare(a, b)))["wheels"]
    assert [wheel["file"] for wheel in wheels] == [a.file, b.file]


def test_a_page_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "page.html"
    place.write_text("old")
    write_page(place, "new")
    assert place.read_text() == "new"
    assert stat.S_IMODE(place.stat().st_mode) & 0o044, "others may read what others could before"
    assert list(tmp_path.iterdir()) == [place]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space"):
        write_page(place, "newer")
    assert place.read_text() == "new"
    assert list(tmp_path.iterdir()) == [place]


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_page(tmp_path / "none" / "page.html", "text")
