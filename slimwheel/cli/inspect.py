"""`slimwheel inspect`: what a wheel or a library holds."""

import json
from pathlib import Path

import click

from slimwheel.cli.options import json_option
from slimwheel.errors import UsageError
from slimwheel.report.device_code import device_code_table
from slimwheel.report.tables import console
from slimwheel.verify.device_code import device_code_of


@click.command("inspect")
@click.argument("file", metavar="WHEEL-OR-SO", type=click.Path(path_type=Path))
@click.option("--cuda", is_flag=True, help="Show the device code, by library and architecture.")
@json_option
def command(file: Path, cuda: bool, as_json: bool) -> None:
    """Show what a wheel, a shared library or a .fatbin file holds for GPUs."""
    if not cuda:
        raise UsageError("inspect does not know what to show", hint="Add --cuda.")
    libraries = device_code_of(file)
    if as_json:
        report = {"schema": 1, "libraries": [library.to_json() for library in libraries]}
        click.echo(json.dumps(report, indent=1))
        return
    console().print(device_code_table(libraries))
    for library in libraries:
        if library.trouble:
            click.echo(f"slimwheel: warning: {library.name}: {library.trouble}", err=True)
