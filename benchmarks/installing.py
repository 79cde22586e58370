"""What installing costs: whole wheel files, each time into a fresh virtual environment."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from slimwheel.verify.environments import Installer, create_environment, find_uv
from slimwheel.verify.measure import Cost, interleaved, measured

Wheels = Mapping[str, Sequence[Path]]


def measure_installs(
    wheels: Wheels, python: Path, scratch: Path, rounds: int, note: Callable[[str], None]
) -> dict[str, dict[str, list[Cost]]]:
    """Install with pip, and with uv where it is found.

    pip compiles bytecode and uv does not: each as it does by default.

    Args:
        wheels: by subject, the files that are installed together.
        python: the interpreter that the wheels are for.

    Returns:
        Costs by installer and subject.

    Raises:
        ToolError: an installation failed.
    """
    installers: tuple[Installer, ...] = ("pip", "uv") if find_uv() else ("pip",)

    def by(installer: Installer) -> dict[str, list[Cost]]:
        subjects = {
            name: partial(_install, installer, files, python, scratch)
            for name, files in wheels.items()
        }
        return interleaved(subjects, rounds, lambda text: note(f"{installer} install, {text}"))

    return {installer: by(installer) for installer in installers}


def _install(installer: Installer, files: Sequence[Path], python: Path, scratch: Path) -> Cost:
    place = scratch / "environment"
    environment = create_environment(place, python, installer=installer)
    command: list[str | Path] = [environment.python, "-m", "pip", "install"]
    if installer == "uv":
        # Without its cache: from there it would link the files of the round before.
        uv = find_uv() or "uv"
        command = [uv, "pip", "install", "--no-cache", "--python", environment.python]
    try:
        return measured([*command, "--no-deps", "--no-index", *files], scratch=scratch)
    finally:
        shutil.rmtree(place)
