"""`slimwheel verify`: what it says of a wheel, where, and with which exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.breaking import EXTENSION, PLAIN_LIBRARY, Parts
from tests.unit.wheelfile.handmade import Entry


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slimwheel", "verify", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return Parts().write(tmp_path)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Two libraries changed behind RECORD, a file that it does not list, a note."""
    parts = Parts()
    parts.edit(EXTENSION, "$ORIGIN/./lib", "$ORIGIN/cubin")
    for library in (PLAIN_LIBRARY, EXTENSION):
        parts.change(library, content=parts.content(library) + b"more")
    parts.entries.insert(0, Entry("tiny/added.py", b"import os\n"))
    return parts.write(tmp_path)


def test_a_sound_wheel(sound: Path) -> None:
    done = run(sound)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{sound.name}: ok: no finding\n"


def test_findings_alike_are_one_line(broken: Path) -> None:
    before = broken.read_bytes()
    done = run(broken)
    assert (done.returncode, done.stderr) == (1, "")
    record, unlisted, note, verdict = done.stdout.splitlines()
    assert record.startswith("SW101 error: does not have the hash")
    assert record.endswith(f"(2 files: {EXTENSION}, {PLAIN_LIBRARY})")
    assert unlisted == "SW102 error: tiny/added.py: is not in RECORD"
    assert note.startswith(f"SW221 note: {EXTENSION}: ")
    assert verdict == f"{broken.name}: NOT OK: 3 errors, 1 notes"
    assert broken.read_bytes() == before


def test_notes_alone_are_no_failure(broken: Path) -> None:
    done = run("--ignore", "SW101", "--ignore", "SW102", broken)
    assert done.returncode == 0
    assert done.stdout.endswith("ok: 0 errors, 1 notes\n")


def test_only_what_is_asked_for(broken: Path) -> None:
    done = run("--select", "SW102", "--json", broken)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert [finding["code"] for finding in report["findings"]] == ["SW102"]
    assert (report["schema"], report["ok"], report["running"]) == (1, False, None)
    assert report["wheel"]["size"] == broken.stat().st_size


def test_a_page_for_people(broken: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert run("--html", page, broken).returncode == 1
    text = page.read_text("utf-8")
    assert "NOT OK: 3 errors, 1 notes" in text
    assert "findings/SW101.md" in text
    assert "<script" not in text
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([broken.name, page.name])


def test_names_in_a_page_stay_text(tmp_path: Path) -> None:
    parts = Parts()
    parts.entries.insert(0, Entry("tiny/<b>&.py", b""))
    page = tmp_path / "report.html"
    run("--html", page, parts.write(tmp_path))
    assert "tiny/&lt;b&gt;&amp;.py" in page.read_text("utf-8")


def test_what_is_no_wheel_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "torch-2.13.0-py3-none-any.whl"
    path.write_bytes(b"not a zip")
    done = run(path)
    assert done.returncode == 1
    assert done.stdout.startswith("SW100 error: is not a whole zip file")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent.whl"], "is not a file"),
        (["--select", "SW999", "{sound}"], "no finding has a code"),
        (["--ops", "some", "{sound}"], "'some' is not one of"),
        (["--jobs", "0", "{sound}"], "--jobs"),
        (["--against", "absent.whl", "{sound}"], "which is not beside it"),
        (["--html", "/proc/absent/x.html", "{sound}"], "cannot be written"),
    ],
)
def test_mistakes_are_two_lines(words: list[str], said: str, sound: Path, tmp_path: Path) -> None:
    done = run(*(word.format(sound=sound) for word in words))
    assert done.returncode in (2, 10)
    what, way_out = done.stderr.splitlines()
    assert what.startswith("slimwheel: error: ")
    assert said in done.stderr
    assert way_out.startswith("  ")
