"""`python -m benchmarks`: measure everything in one run and write it down."""

import functools
import json
import sys
import tempfile
from pathlib import Path

import click

from benchmarks.markdown import render
from benchmarks.results import Results
from benchmarks.running import Rounds, measure_subject
from benchmarks.subjects import chosen_subjects
from slimwheel.errors import SlimwheelError
from slimwheel.verify.environments import find_python
from slimwheel.verify.smoke import parse_pythons

_note = functools.partial(click.echo, err=True)


@click.command()
@click.option(
    "--upstream", metavar="REQUIREMENT", help="Only this one, such as torch==2.14.1, or a file."
)
@click.option("--python", metavar="3.11", help="The wheel's, of an upstream that is not listed.")
@click.option("--platform", metavar="TAG", help="The wheel's, such as manylinux_2_28_x86_64.")
@click.option("--extra-index-url", multiple=True, metavar="URL", help="Passed to pip.")
@click.option(
    "--python-for",
    multiple=True,
    metavar="3.6=PATH",
    help="A Python to install and import wheels of that version with. Repeatable.",
)
@click.option("--recipe", help="Only with this one; cpu for an upstream that is not listed.")
@click.option("--device", multiple=True, metavar="9.0", help="Only for this GPU. Repeatable.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("benchmarks/results"),
    show_default=True,
    help="Where the results go.",
)
@click.option("--rounds", default=3, show_default=True, help="Of builds and installs.")
@click.option("--import-rounds", default=7, show_default=True, help="Of imports.")
@click.option("--quick", is_flag=True, help="One round of each, to try it out.")
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Where there are 4 GB to work in; the system's temporary directory if not given.",
)
def main(
    upstream: str | None,
    python: str | None,
    platform: str | None,
    extra_index_url: tuple[str, ...],
    python_for: tuple[str, ...],
    recipe: str | None,
    device: tuple[str, ...],
    output: Path,
    rounds: int,
    import_rounds: int,
    quick: bool,
    scratch: Path | None,
) -> None:
    """Measure slimwheel against upstream's wheels and against the usual tools.

    Measures what subjects.toml lists. Exits with 1 where a promise is broken; the results are
    written all the same.
    """
    subjects = chosen_subjects(upstream, python, platform, extra_index_url, recipe, device)
    pythons = parse_pythons(python_for)
    found = {subject.python: find_python(subject.python, pythons) for subject in subjects}
    often = Rounds(1, 1) if quick else Rounds(rounds, import_rounds)
    kept = True
    for subject, variant in ((one, variant) for one in subjects for variant in one.variants):
        with tempfile.TemporaryDirectory(prefix="slimwheel-bench-", dir=scratch) as directory:
            place = Path(directory).resolve()
            results = measure_subject(subject, variant, found[subject.python], place, often, _note)
        _write(results, output)
        kept = kept and all(limit.held for limit in results.limits())
    sys.exit(0 if kept else 1)


def _write(results: Results, output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    page, data = (output / f"{results.name}.{suffix}" for suffix in ("md", "json"))
    page.write_text(render(results), encoding="utf-8")
    data.write_text(json.dumps(results.to_json(), indent=1) + "\n", encoding="utf-8")
    click.echo(page)
    click.echo(data)
    for sentence in results.left_out:
        _note(sentence)
    for limit in results.limits():
        _note(f"{limit.verdict}: {limit.sentence}")


if __name__ == "__main__":
    try:
        main(prog_name="python -m benchmarks")
    except SlimwheelError as error:
        sys.exit(f"{error}\n  {error.hint}" if error.hint else str(error))
