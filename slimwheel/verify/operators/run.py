"""Run the operators: `python run.py --output operators.json --samples 8 --jobs 2`.

Exit codes: 0 when there is a file of results, whatever they are; 1 when torch cannot be run.
"""

import argparse
import importlib.util
import json
import os
import signal
import sys
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = 1


def _enter_package() -> str:
    """Make this directory and the battery's beside it subpackages of a package `verify`.

    The directory itself leaves the module search path, where its modules would hide others.
    """
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != HERE]
    for name, directory in (("verify", os.path.dirname(HERE)), ("verify.operators", HERE)):
        spec: Any = importlib.util.spec_from_file_location(
            name, os.path.join(directory, "__init__.py"), submodule_search_locations=[directory]
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return "verify.operators"


if not __package__:
    __package__ = _enter_package()  # PEP 366


def main() -> int:
    parser = argparse.ArgumentParser(description="Run torch's operator database on this torch.")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--output", help="the JSON file to write")
    target.add_argument("--journal", help=argparse.SUPPRESS)
    parser.add_argument("--journals", help="an existing directory for the workers' journals")
    parser.add_argument("--claims", help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="operators to run")
    parser.add_argument("--quick", action="store_true", help="two dtypes of each operator")
    parser.add_argument("--samples", type=int, help="of each operator and dtype; all, without")
    parser.add_argument("--mount", help="a directory with the modules of torch.testing")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for each call")
    options = parser.parse_args()

    if options.journal:
        from .worker import Work, work

        work(
            Work(
                options.journal,
                options.claims,
                options.quick,
                options.samples,
                options.only,
                options.mount,
            )
        )
        return 0

    from ..battery import journal, supervisor

    # This is how it is ended; in the background of a shell it is ignored, unless one says so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    directory = options.journals or os.path.dirname(os.path.abspath(options.output))
    claims = os.path.join(directory, "claims")
    shared = [os.path.abspath(__file__), "--claims", claims]
    shared += ["--quick"] if options.quick else []
    shared += ["--samples", str(options.samples)] if options.samples is not None else []
    shared += ["--mount", options.mount] if options.mount else []
    only = ["--only", *options.only] if options.only else []
    paths = [os.path.join(directory, "journal-{}".format(n)) for n in range(options.jobs)]
    workers = {path: [*shared, "--journal", path, *only] for path in paths}
    try:
        # Some samples are drawn from sets of strings: their order must not depend on the process.
        fixed = {"PYTHONHASHSEED": "0"}
        supervisor.supervise_all(workers, options.timeout, fixed)
    except supervisor.BatteryError as error:
        print(error, file=sys.stderr)
        return 1
    with open(options.output, "w") as stream:
        json.dump(dict(journal.results(paths), schema=SCHEMA), stream)
    return 0


if __name__ == "__main__":
    sys.exit(main())
