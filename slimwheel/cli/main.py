"""The `slimwheel` command and how errors end it."""

import gc
import importlib
import json
import os
import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

import click

from slimwheel.errors import OutputError, SlimwheelError, UsageError

_COMMANDS = {
    "build": "Slim an upstream wheel.",
    "diff": "Show where the bytes of two wheels differ.",
    "inspect": "Show where the bytes of a wheel or a library are.",
    "matrix": "Say what a file asks to be built, for CI and make.",
    "plan": "Show what a build would do, without doing it.",
    "publish": "Put wheels on a package index, on S3 or in a directory.",
    "rebuild": "Make a slim wheel again, and tell whether it is the same.",
    "recipe": "List, show and check recipes.",
    "shim": "Build torch_ergonomics as a wheel of its own.",
    "verify": "Check a wheel, and run it beside its upstream.",
}
_REPORT = "https://github.com/slimwheel/slimwheel/issues"


class _LazyGroup(click.Group):
    """Imports a command's module only when it runs, so that --help answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"slimwheel.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="slimwheel", message="slimwheel %(version)s")
def cli() -> None:
    """Slim PyTorch wheels: the same results, a fraction of the size."""


def main() -> NoReturn:
    """Run the command line and exit with a documented code (docs/exit-codes.md)."""
    signal.signal(signal.SIGTERM, _terminated)
    # As other tools do: whoever reads our output and closes the pipe has seen enough.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        cli.main(standalone_mode=False)
    except SlimwheelError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        show_usage_error(error)
        sys.exit(UsageError.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("slimwheel: interrupted; nothing half-written was left behind", err=True)
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        # What is left in the buffers cannot go anywhere either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        place = error.filename or "standard output"
        show_error(OutputError(f"cannot be written: {error.strerror}", file=place), as_json=False)
        sys.exit(OutputError.exit_code)
    except Exception:
        traceback.print_exc()
        click.echo(
            f"slimwheel: this is a fault of slimwheel; please report it: {_REPORT}", err=True
        )
        sys.exit(70)
    # What is left goes with the process: no need to look through it for cycles.
    gc.freeze()
    sys.exit(0)


def show_usage_error(error: click.ClickException) -> None:
    """Print what click found wrong with the command's words, in the form of all other errors."""
    message = error.format_message()
    if "\n" in message:
        # A command without any words: click's message is its help.
        error.show()
        return
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "slimwheel"
    show_error(UsageError(message, hint=f"Try '{command} --help'."))


def show_error(error: SlimwheelError, *, as_json: bool | None = None) -> None:
    """Print an error: one line that says what and where, one that says the way out.

    Args:
        as_json: an object on standard output instead; None for what the command line asks.
    """
    if "--json" in sys.argv[1:] if as_json is None else as_json:
        report = {
            "error": type(error).__name__,
            "message": error.message,
            "file": error.file,
            "place": error.place,
            "hint": error.hint,
            "exit_code": error.exit_code,
        }
        click.echo(json.dumps(report, ensure_ascii=False))
        return
    click.echo(f"slimwheel: error: {_printable(str(error))}", err=True)
    if error.hint:
        click.echo(f"  {_printable(error.hint)}", err=True)


def _printable(text: str) -> str:
    """Return a text without what steers terminals: files have names and keys that others chose."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _terminated(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    """Leave as on Ctrl-C, through every `finally`."""
    sys.exit(128 + signum)
