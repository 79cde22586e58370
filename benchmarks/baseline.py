"""The alternative: unpack, delete, objcopy --strip-unneeded, pack, with the tools people have.

It is given the list of members to delete, so that deciding costs it nothing. Run as a process of
its own, `python baseline.py WHEEL MEMBERS OUTPUT-DIR [--unchecked]`, it is measured like slimwheel;
it imports nothing of slimwheel, which would cost it time.
"""

import subprocess
import sys
import zipfile
from pathlib import Path

NAME = "unpack + delete + objcopy --strip-unneeded + pack"


def slim(wheel: Path, members: Path, output_dir: Path, *, checked: bool = True) -> None:
    """Slim a wheel with `wheel`, a loop and objcopy.

    Args:
        wheel: upstream's.
        members: a file with the names of the members to delete, one a line.
        output_dir: exists; the unpacked tree stays in it too.
        checked: let `wheel unpack` check hashes; it refuses a wheel whose RECORD leaves files
            out, as that of torch 1.0.0 does.

    Raises:
        CalledProcessError: a tool failed.
        FileNotFoundError: a tool is missing, or a member that should be deleted.
    """
    tool = [sys.executable, "-m", "wheel"]
    unpacked = output_dir / "unpacked"
    if checked:
        subprocess.run([*tool, "unpack", "--dest", unpacked, wheel], check=True)
    else:
        _unzip(wheel, unpacked / "wheel")
    (tree,) = unpacked.iterdir()
    for member in members.read_text(encoding="utf-8").splitlines():
        (tree / member).unlink()
    for path in tree.rglob("*"):
        if path.is_file() and _starts_as_elf(path):
            subprocess.run(["objcopy", "--strip-unneeded", path], check=True)
    subprocess.run([*tool, "pack", "--dest-dir", output_dir, tree], check=True)


def _unzip(wheel: Path, tree: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            path = Path(archive.extract(member, tree))
            if mode := member.external_attr >> 16 & 0o777:
                path.chmod(mode)


def _starts_as_elf(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


if __name__ == "__main__":
    slim(*map(Path, sys.argv[1:4]), checked="--unchecked" not in sys.argv[4:])
