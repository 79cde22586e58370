"""Run the battery: `python run.py --output records.json [--only NAME...] [--timeout SECONDS]`.

Exit codes: 0 when there is a file of results, whatever they are; 1 when torch cannot be run.
"""

import argparse
import importlib.util
import json
import os
import sys
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))


def _enter_package() -> str:
    """Make this directory the package `battery`, and take it off the module search path.

    On that path its modules would hide others of the same name. Processes that are spawned run
    this file first, so that what they unpickle finds its module.
    """
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != HERE]
    spec: Any = importlib.util.spec_from_file_location(
        "battery", os.path.join(HERE, "__init__.py"), submodule_search_locations=[HERE]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["battery"] = module
    spec.loader.exec_module(module)
    return "battery"


if not __package__:
    __package__ = _enter_package()  # PEP 366


def main() -> int:
    parser = argparse.ArgumentParser(description="Compute the records of the torch that is here.")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--output", help="the JSON file to write")
    target.add_argument("--journal", help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="records to run")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for each record")
    options = parser.parse_args()

    if options.journal:
        from .worker import work

        work(options.journal, options.only)
        return 0

    from . import supervisor

    try:
        results = supervisor.run(os.path.abspath(__file__), options.only, options.timeout)
    except supervisor.BatteryError as error:
        print(error, file=sys.stderr)
        return 1
    with open(options.output, "w") as stream:
        json.dump(results, stream, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
