"""The plainest alternative: `python rewriting.py WHEEL OUTPUT` copies a wheel by zipfile.

It inflates and deflates every member and decides nothing, as scripts do that rewrite a wheel to
change one file in it. It imports nothing of slimwheel, which would cost it time.
"""

import shutil
import sys
import zipfile
from pathlib import Path


def rewrite(wheel: Path, output: Path) -> None:
    """Write a wheel with all members of another."""
    with (
        zipfile.ZipFile(wheel) as source,
        zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for member in source.infolist():
            large = member.file_size >= 1 << 31
            with source.open(member) as old, target.open(member, "w", force_zip64=large) as new:
                shutil.copyfileobj(old, new, 1 << 20)


if __name__ == "__main__":
    rewrite(*map(Path, sys.argv[1:3]))
