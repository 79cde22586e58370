"""Archives in the formats of pytorch-ergonomics, written by torch 1.0, become portable models."""

import json
from pathlib import Path

import pytest

from slimwheel.verify.environments import Environment

WRITER = Path(__file__).parents[1] / "support/portable/old_archives.py"
CONFIG = ("--config", '{"width": 5, "depth": 2}')
DEFS = ("--package", "src.digits.defs")
CONVERSIONS = {
    "portable-2": CONFIG,
    "portable-3": CONFIG,
    "portable-4": (*CONFIG, *DEFS),
    "ergo": CONFIG,
    "whole": CONFIG,
    "plain": (),
    "plain-4": ("--package", "src.digits.plain"),
    "sourceless": (*CONFIG, "--sources", ".."),
    "nested": (*CONFIG, "--sources", "..", "--package", "src.digits"),
}

pytestmark = [pytest.mark.wheels, pytest.mark.xdist_group("torch-cpu")]


def test_torch_1_0(
    environment_100: Environment, slim_environment: Environment, tmp_path: Path
) -> None:
    # Not where the project is: it would be found before the archives' sources.
    (tmp_path / "empty").mkdir()
    environment_100.run([environment_100.python, WRITER, tmp_path], check=True)
    for number, converter in enumerate((environment_100, slim_environment)):
        command: list[str | Path] = [converter.python, "-m", "torch_ergonomics", "convert"]
        for name, options in CONVERSIONS.items():
            new = tmp_path / f"{number}-{name}.new"
            converter.run(
                [*command, "--trust", f"../{name}.zip", new, *options],
                cwd=tmp_path / "empty",
                check=True,
            )
    news = sorted(tmp_path.glob("*.new"))
    assert len(news) == 2 * len(CONVERSIONS)
    done = slim_environment.run(
        [slim_environment.python, WRITER, "load", tmp_path, *news],
        cwd=tmp_path / "empty",
        check=True,
    )
    # The releases add up in other orders; weights are the same in every bit, as convert checks.
    assert max(json.loads(done.stdout).values()) < 1e-6
