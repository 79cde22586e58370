"""Serving images: what torch and all that it requires take in one, upstream's and slim.

`python -m benchmarks.images` installs what the first stage of docker/serve.Dockerfile installs, and
weighs it. `--build torch==2.13.0+cpu` also builds that image with either torch, where something
here builds images, and weighs the whole.
"""

import functools
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from benchmarks import page
from benchmarks.builders import Builder, find_builder, tree_size
from benchmarks.building import measure_builds
from benchmarks.machine import describe_machine
from benchmarks.markdown import compared, table
from benchmarks.subjects import chosen_subjects
from benchmarks.upstream_environment import pip_environment, upstream_environment
from slimwheel.errors import SlimwheelError, ToolError
from slimwheel.report.sizes import megabytes
from slimwheel.verify.environments import Environment, find_python
from slimwheel.verify.sizes import dependencies_in
from slimwheel.verify.smoke import parse_pythons

NAME = "images"
PROJECT = Path(__file__).parents[1]
RELEASES = ("torch==2.13.0+cpu", "torch==2.14.1")
_note = functools.partial(click.echo, err=True)


@dataclass(frozen=True)
class Weighed:
    """One release: bytes, bytecode included, of upstream's torch and of the slim one.

    Attributes:
        installed: of torch and all that pip installed with it.
        images: of whole images; None where none were built.
    """

    requirement: str
    installed: tuple[int, int]
    images: tuple[int, int] | None


def installed_size(environment: Environment) -> int:
    """Return what an environment's packages take, without pip, which the image has no longer."""
    places = (
        place
        for place in environment.site_packages.iterdir()
        if place.name != "pip" and not place.name.startswith("pip-")
    )
    return sum(tree_size(place) if place.is_dir() else place.stat().st_size for place in places)


def serving_context(place: Path, wheels: Iterable[Path]) -> Path:
    """Make a build context for docker/serve.Dockerfile: the example, and wheels in dist/."""
    dist = place / "dist"
    dist.mkdir(parents=True)
    for wheel in wheels:
        shutil.copy(wheel, dist)
    shutil.copy(PROJECT / "LICENSE", place)
    serving = PROJECT / "examples" / "image_classifier" / "serving"
    shutil.copytree(serving, place / serving.relative_to(PROJECT))
    return place


def image_size(builder: Builder, scratch: Path, requirement: str, wheels: Sequence[Path]) -> int:
    """Build docker/serve.Dockerfile with a torch, import it there, and return the image's size.

    Raises:
        ToolError: the build or the import failed.
    """
    tag = f"slimwheel-benchmark-{scratch.name}"
    dockerfile = PROJECT / "docker" / "serve.Dockerfile"
    context = serving_context(scratch / "context", wheels)
    builder.build(dockerfile, context, tag, {"TORCH": requirement})
    try:
        builder.run(tag, ["python3", "-c", "import torch; torch.ones(2).sum()"])
        return builder.size(tag)
    finally:
        builder.remove(tag)


def weigh(
    requirement: str, pythons: Mapping[str, Path], builder: Builder | None, scratch: Path
) -> Weighed:
    """Weigh one release.

    Args:
        pythons: interpreters by version, beside those that are found.
        builder: None to build no image.
        scratch: an existing directory for what is made.

    Raises:
        SlimwheelError: a wheel cannot be had, or a step failed.
    """
    (subject,) = chosen_subjects(requirement)
    python = find_python(subject.python, pythons)
    if python is None:
        raise ToolError(f"there is no Python {subject.python}", hint="Name: --python-for.")
    upstream = subject.fetched()
    slim = measure_builds(upstream, ("--recipe", "cpu"), None, scratch, 1, _note).slim
    _note(f"{requirement}: install")
    untouched = upstream_environment(upstream, python)
    found = dependencies_in(untouched.site_packages, ["torch"])
    versions = [f"{name}=={one.version}" for name, one in found.items()]
    slimmed = pip_environment(scratch / "slim", slim, python, versions=versions)
    images = None
    if builder is not None:
        _note(f"{requirement}: build images")
        pairs = (("upstream", requirement, (upstream,)), ("torch_cpu", "torch-cpu", slim))
        places = [scratch / name for name, _, _ in pairs]
        for place in places:
            place.mkdir()
        one, other = (
            image_size(builder, place, wanted, wheels)
            for place, (_, wanted, wheels) in zip(places, pairs, strict=True)
        )
        images = one, other
    return Weighed(requirement, (installed_size(untouched), installed_size(slimmed)), images)


def render(weighed: Sequence[Weighed], machine: Mapping[str, str]) -> str:
    """Return the page."""
    rows = []
    for one in weighed:
        rows.append(compared(f"{one.requirement}, on top of Python", *one.installed, megabytes))
        if one.images is not None:
            rows.append(compared(f"{one.requirement}, whole image", *one.images, megabytes))
    text = (
        "On top of Python: what the first stage of docker/serve.Dockerfile installs, torch and all "
        "that it requires, and numpy, bytecode included, pip not."
    )
    if any(one.images for one in weighed):
        text += (
            " Whole image: the same and the base, a minimal Debian with Python 3.11, uncompressed; "
            "`import torch` was run in each."
        )
    return "\n\n".join(
        [
            "# Serving images with upstream's torch and with torch_cpu",
            table(("", "upstream", "torch_cpu", "change"), rows),
            text,
            "## Measured on",
            table(("", ""), machine.items()),
            "",
        ]
    )


@click.command()
@click.option("--python-for", multiple=True, metavar="3.11=PATH", help="A Python. Repeatable.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("benchmarks/results"),
    show_default=True,
    help="Where the results go.",
)
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Where there are 10 GB to work in; the system's temporary directory otherwise.",
)
@click.option(
    "--build", multiple=True, metavar="REQUIREMENT", help="Build images of this, too. Repeatable."
)
@click.option("--upstream", multiple=True, metavar="REQUIREMENT", help="Only these. Repeatable.")
def main(
    python_for: tuple[str, ...],
    output: Path,
    scratch: Path | None,
    build: tuple[str, ...],
    upstream: tuple[str, ...],
) -> None:
    """Weigh what is in serving images, and the images where they can be built."""
    builder = find_builder() if build else None
    if isinstance(builder, str):
        raise ToolError(f"no image can be built here: {builder}", hint="Leave --build out.")
    weighed = []
    with tempfile.TemporaryDirectory(prefix="slimwheel-bench-", dir=scratch) as directory:
        for number, requirement in enumerate(upstream or RELEASES):
            place = Path(directory).resolve() / f"release-{number}"
            place.mkdir()
            builds = builder if requirement in build else None
            weighed.append(weigh(requirement, parse_pythons(python_for), builds, place))
            shutil.rmtree(place)
    machine = describe_machine()
    data = {"schema": 1, "machine": machine, "releases": [asdict(one) for one in weighed]}
    page.write(output, NAME, render(weighed, machine), data)


if __name__ == "__main__":
    try:
        main(prog_name="python -m benchmarks.images")
    except SlimwheelError as error:
        sys.exit(f"{error}\n  {error.hint}" if error.hint else str(error))
