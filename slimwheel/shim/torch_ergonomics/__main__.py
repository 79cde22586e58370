"""`python -m torch_ergonomics [--json]`.

Exit status: 0; 1 when there is no torch, or something about the installation needs mending.
"""

import argparse
import json
import sys

from ._describe import describe
from ._text import as_text


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m torch_ergonomics",
        description="Say what this installation of torch is, without importing it.",
    )
    parser.add_argument("--json", action="store_true", help="print an object instead of text")
    arguments = parser.parse_args()
    description = describe()
    if arguments.json:
        json.dump(description, sys.stdout, indent=1, sort_keys=True)
        print()
    else:
        # Recipes may say it in any language, and a terminal may know ASCII only.
        encoding = sys.stdout.encoding or "ascii"
        print(as_text(description).encode(encoding, "backslashreplace").decode(encoding))
    return int(description["kind"] == "none" or bool(description["findings"]))


if __name__ == "__main__":
    sys.exit(main())
