"""Benchmarks of repacking: the alternatives, the pages, and wheels that are made up."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from benchmarks import floor, growth, repacking, rewriting, synthetic
from benchmarks.growth import Point, slopes_of
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
    assert 2 * MB < sizes[1] < sizes[0]


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
    plan = {"kept": ["made_up/part0/member0.py"], "changed": {"made_up/library.so": 12_345}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    floor.copy(wheel, tmp_path / "plan.json", tmp_path / "floor")
    with zipfile.ZipFile(wheel) as archive:
        kept = archive.getinfo("made_up/part0/member0.py").compress_size
    assert (tmp_path / "floor").stat().st_size == kept + 12_345


def test_what_the_floor_copies_is_what_the_plan_keeps() -> None:
    def decision(member: str, action: str, after: int) -> dict[str, Any]:
        return {"member": member, "action": action, "download": {"before": 9, "after": after}}

    plan = {
        "decisions": [
            decision("a.py", "keep", 9),
            decision("b.so", "rewrite", 5),
            decision("libcudart.so", "rewrite", 1),
            decision("c.h", "drop", 0),
        ],
        "cuda": {"libraries": [{"member": "libcudart.so", "goes": True}]},
    }
    assert repacking._remains(plan) == {"kept": ["a.py"], "changed": {"b.so": 5}}


def test_promises_are_held_against_what_was_measured() -> None:
    assert [limit.held for limit in repacked(2.4).limits()] == [True, True, True]
    assert [limit.held for limit in repacked(2.6).limits()] == [False, True, True]
    assert [limit.held for limit in repacked(3.1).limits()] == [False, False, True]
    assert [limit.held for limit in repacked(2.4, 251 * MB).limits()] == [True, True, False]


def test_the_page_of_repacking() -> None:
    text = repacking.render([repacked(2.6)], {"cores": "2"}, 3)
    assert "| `slimwheel build` | 2.60 s | 2.60 s | 80.0 MB | 127.0 MB | 1.00 |" in text
    assert "| zipfile rewrite | 22.00 s | 22.00 s | 80.0 MB | 190.0 MB | 8.46 |" in text
    assert f"| {AUDITWHEEL} | fails |" in text
    assert "`it could not be located`" in text
    assert "| 0.125 | 0.130 | **BROKEN** |" in text


def point(megabytes: int, members: int) -> Point:
    cpu = 1 + 0.004 * megabytes + 0.00002 * members
    return Point(megabytes, members, megabytes * MB, {way: costs(cpu) for way in growth.WAYS})


BY_SIZE = [point(megabytes, 1000) for megabytes in (10, 100, 2000)]
BY_COUNT = [point(10, members) for members in (100, 5000, 50_000)]


def test_the_slopes_are_what_one_more_costs() -> None:
    found = slopes_of([*BY_SIZE, *BY_COUNT], "slimwheel")
    assert found == pytest.approx((1, 0.004, 0.00002))


def test_the_page_of_growth_and_its_picture(tmp_path: Path) -> None:
    text = growth.render(BY_SIZE, BY_COUNT, {"cores": "2"}, 3)
    assert "| slimwheel | 1.00 s | 4.00 ms | 20 \N{MICRO SIGN}s |" in text
    digests = set()
    for _ in range(2):
        growth.plot(BY_SIZE, BY_COUNT, tmp_path / "growth.svg")
        digests.add(hashlib.sha256((tmp_path / "growth.svg").read_bytes()).hexdigest())
    assert len(digests) == 1
