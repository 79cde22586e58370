"""`python -m torch_ergonomics [--json]`, and its commands `inspect` and `convert`.

Exit status: 0; 1 when there is no torch, or something about the installation needs mending; 2 for
a wrong command line, or a file that cannot be read; 4 for an archive that is damaged or none; 7 for
a network that cannot be converted; 10 for a file that cannot be written.
"""

import argparse
import json
import os
import sys
import warnings
from typing import Any

from ._describe import describe
from ._text import as_text
from .models import inspection
from .models.errors import NotPortable, PortableError


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return int(arguments.run(arguments))
    except NotPortable as error:
        return _fail(error, 7)
    except PortableError as error:
        return _fail(error, 4)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m torch_ergonomics",
        description="Without a command, says what this installation of torch is, without importing "
        "it.",
    )
    parser.set_defaults(run=_describe)
    json_help = "print an object instead of text"
    parser.add_argument("--json", action="store_true", help=json_help)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    inspect = commands.add_parser(
        "inspect", help="say what is in a portable model, without running anything of it"
    )
    inspect.set_defaults(run=_inspect)
    inspect.add_argument("model", metavar="MODEL.zip")
    # What stands before the command counts, too.
    inspect.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=json_help)

    convert = commands.add_parser(
        "convert", help="make a portable model of an archive that pytorch-ergonomics wrote"
    )
    convert.set_defaults(run=_convert)
    convert.add_argument("old", metavar="OLD.zip")
    convert.add_argument("new", metavar="NEW.zip")
    convert.add_argument(
        "--trust",
        action="store_true",
        help="run the old archive's code and its pickle, which may do anything; needed",
    )
    convert.add_argument(
        "--package", metavar="PATH", help="what mod_path was when the old archive was saved"
    )
    convert.add_argument(
        "--sources",
        metavar="DIR",
        help="import from this directory, which has the package under its whole path, instead of "
        "the archive's sources",
    )
    convert.add_argument(
        "--config",
        metavar="JSON",
        type=_config,
        help="arguments of the network's class, an object or a list",
    )
    convert.add_argument(
        "--allow",
        metavar="MODULE",
        action="append",
        default=[],
        help="a module that may be imported though no installed distribution has it",
    )
    convert.add_argument(
        "--allow-pickle",
        action="store_true",
        help="keep a pickle where no constructor makes the network",
    )
    return parser


def _describe(arguments: argparse.Namespace) -> bool:
    description = describe()
    _print(description, as_text, arguments.json)
    return description["kind"] == "none" or bool(description["findings"])


def _inspect(arguments: argparse.Namespace) -> int:
    try:
        found = inspection.inspect(arguments.model)
    except OSError as error:
        return _fail(error, 2)
    _print(found, inspection.as_text, arguments.json)
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    from .models.convert import convert

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            convert(
                arguments.old,
                arguments.new,
                trust=arguments.trust,
                package=arguments.package,
                sources=arguments.sources,
                config=arguments.config,
                allow=arguments.allow,
                allow_pickle=arguments.allow_pickle,
            )
        except PortableError:
            raise
        except OSError as error:
            return _fail(error, 2 if error.filename == os.path.abspath(arguments.old) else 10)
        except ValueError as error:
            return _fail(error, 2)
    for warning in caught:
        _say("warning: %s" % warning.message, sys.stderr)
    return 0


def _config(text: str) -> Any:
    try:
        config = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("no JSON: %s" % error)
    if not isinstance(config, (dict, list)):
        raise argparse.ArgumentTypeError("neither an object nor a list: %s" % text)
    return config


def _print(found: Any, text: Any, as_json: bool) -> None:
    _say(json.dumps(found, indent=1, sort_keys=True) if as_json else text(found), sys.stdout)


def _say(text: str, stream: Any) -> None:
    # Recipes may say it in any language, and a terminal may know ASCII only.
    encoding = stream.encoding or "ascii"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream)


def _fail(error: Exception, status: int) -> int:
    _say("error: %s" % error, sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
