"""What the benchmarks with a page of their own share: their options, and writing the page."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

_Command = Callable[..., None]


def options(rounds: int, of: str, space: str) -> Callable[[_Command], _Command]:
    """Decorate a command that measures several times and writes a page.

    Args:
        rounds: how often, if nothing else is said.
        of: what the rounds are of, for `--help`.
        space: how much disk it takes to work in, such as "2 GB".
    """
    found = [
        click.option(
            "--python-for", multiple=True, metavar="3.11=PATH", help="A Python. Repeatable."
        ),
        click.option(
            "--output",
            type=click.Path(path_type=Path, file_okay=False),
            default=Path("benchmarks/results"),
            show_default=True,
            help="Where the results go.",
        ),
        click.option("--rounds", default=rounds, show_default=True, help=f"Of {of}."),
        click.option(
            "--scratch",
            type=click.Path(path_type=Path, file_okay=False, exists=True),
            help=f"Where there are {space} to work in; the system's temporary directory otherwise.",
        ),
    ]

    def decorate(command: _Command) -> _Command:
        for option in reversed(found):
            command = option(command)
        return command

    return decorate


def write(output: Path, name: str, page: str, data: Mapping[str, Any]) -> None:
    """Write a page and its data, and print their paths."""
    output.mkdir(parents=True, exist_ok=True)
    for suffix, text in (("md", page), ("json", json.dumps(data, indent=1) + "\n")):
        path = output / f"{name}.{suffix}"
        path.write_text(text, encoding="utf-8")
        click.echo(path)
