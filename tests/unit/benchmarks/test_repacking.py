"""Benchmarks of repacking: the alternatives, the pages, and wheels that are made up."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from benchmarks import floor, growth, repacking, rewriting, synthetic
from benchmarks.growth import Point, line
from benchmarks.repacking import AUDITWHEEL, FLOOR, HABIT, REWRITE, SLIMWHEEL, Repacked
from slimwheel.verify.measure import Cost

MB = 10**6


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.make(tmp_path_factory.mktemp("synthetic"), 2, 50)


def costs(cpu: float, memory: int = 80 * MB) -> tuple[Cost, ...]:
    return (Cost(cpu, cpu, memory, memory),)


def repacked(cpu: float, memory: int = 80 * MB) -> Repacked:
    return Repacked(
        name="cpu-2.13.0",
        requirement="torch==2.13.0+cpu",
        recipe="--recipe cpu",
        size=190 * MB,
        costs={
            SLIMWHEEL: costs(cpu, memory),
            HABIT: costs(20.0),
            REWRITE: costs(22.0),
            FLOOR: costs(1.5),
        },
        sizes={SLIMWHEEL: 127 * MB, HABIT: 127 * MB, REWRITE: 190 * MB, FLOOR: 130 * MB},
        failed={AUDITWHEEL: "it could not be located"},
    )


def test_a_made_up_wheel_is_slimmed(wheel: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "made-up.toml"
    recipe.write_text(synthetic.RECIPE)
    command = [sys.executable, "-m", "slimwheel", "build", "--no-smoke", "--recipe", str(recipe)]
    done = subprocess.run(
        [*command, "--output-dir", str(tmp_path / "dist"), str(wheel)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(wheel) as upstream, zipfile.ZipFile(done.stdout.split()[0]) as slim:
        assert sum(name.endswith(".h") for name in upstream.namelist()) == 5
        assert not [name for name in slim.namelist() if name.endswith(".h")]
        sizes = [each.getinfo("made_up/library.so").file_size for each in (upstream, slim)]
    assert 2 << 20 < sizes[1] < sizes[0]


def test_a_made_up_wheel_is_always_the_same(wheel: Path, tmp_path: Path) -> None:
    again = synthetic.make(tmp_path, 2, 50)
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert [i.CRC for i in one.infolist()] == [i.CRC for i in other.infolist()]


def test_the_rewrite_has_all_members(wheel: Path, tmp_path: Path) -> None:
    rewriting.rewrite(wheel, tmp_path / "w.whl")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(tmp_path / "w.whl") as other:
        assert [(i.filename, i.CRC) for i in one.infolist()] == [
            (i.filename, i.CRC) for i in other.infolist()
        ]


def test_the_floor_copies_what_is_kept_and_what_changes(wheel: Path, tmp_path: Path) -> None:
    plan = {"kept": ["made_up/part0/member0.py"], "changed": ["made_up/library.so"]}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    floor.copy(wheel, tmp_path / "plan.json", tmp_path / "floor")
    with zipfile.ZipFile(wheel) as archive:
        infos = [archive.getinfo(name) for name in (*plan["kept"], *plan["changed"])]
    assert (tmp_path / "floor").stat().st_size == sum(info.compress_size for info in infos)


def test_promises_are_held_against_what_was_measured() -> None:
    assert [limit.held for limit in repacked(2.4).limits()] == [True, True, True]
    assert [limit.held for limit in repacked(2.6).limits()] == [False, True, True]
    assert [limit.held for limit in repacked(3.1).limits()] == [False, False, True]
    assert [limit.held for limit in repacked(2.4, 251 * MB).limits()] == [True, True, False]


def test_the_page_of_repacking() -> None:
    text = repacking.render([repacked(2.6)], {"cores": "2"}, 3)
    assert "| `slimwheel build` | 2.60 s | 2.60 s | 80.0 MB | 127.0 MB | 1.00 |" in text
    assert "| zipfile rewrite | 22.00 s | 22.00 s | 80.0 MB | 190.0 MB | 8.46 |" in text
    assert "| `auditwheel repair --strip` | fails |" in text
    assert "`it could not be located`" in text
    assert "| 0.125 | 0.130 | **BROKEN** |" in text


def points(cpu: float, by: str) -> list[Point]:
    return [
        Point(
            n if by == "size" else 10,
            n if by == "count" else 10,
            n * MB,
            {way: costs(1 + cpu * n) for way in growth.WAYS},
        )
        for n in (10, 100, 200)
    ]


def test_the_slope_is_what_one_more_costs() -> None:
    found = line(points(0.01, "size"), "slimwheel", lambda point: point.megabytes)
    assert found.start == pytest.approx(1)
    assert found.slope == pytest.approx(0.01)


def test_the_page_of_growth_and_its_picture(tmp_path: Path) -> None:
    by_size, by_count = points(0.004, "size"), points(0.00002, "count")
    text = growth.render(by_size, by_count, {"cores": "2"}, 3)
    assert "| slimwheel | 4.00 ms | 20 \N{MICRO SIGN}s | 1.00 s |" in text
    digests = set()
    for _ in range(2):
        growth.plot(by_size, by_count, tmp_path / "growth.svg")
        digests.add(hashlib.sha256((tmp_path / "growth.svg").read_bytes()).hexdigest())
    assert len(digests) == 1
