"""`slimwheel shim`: the public runtime as a wheel of its own."""

import json
from pathlib import Path

import click

from slimwheel.cli.options import build_number_option, json_option, output_options


@click.command("shim")
@output_options
@build_number_option
@json_option
def command(output_dir: Path, force: bool, build_number: int | None, as_json: bool) -> None:
    """Build torch_ergonomics as a wheel of its own, for environments with upstream's torch.

    Slim wheels have it inside. Prints the path of what it wrote.
    """
    from slimwheel.build import build_runtime

    written = build_runtime(output_dir, build_number=build_number, force=force)
    if as_json:
        click.echo(json.dumps({"schema": 1, "outputs": [written.to_json()]}, indent=1))
    else:
        click.echo(written.path)
