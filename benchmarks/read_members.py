"""Read members of a wheel whole with zipfile, which inflates them and checks their CRC.

Run as `read_members.py WHEEL LIST`, where the second is a file with a name on each line.
"""

import sys
import zipfile
from pathlib import Path


def main(wheel: str, listed: str) -> None:
    """Read one member after the other."""
    with zipfile.ZipFile(wheel) as archive:
        for name in Path(listed).read_text("utf-8").splitlines():
            archive.read(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
