"""The images of docker/, built for real where something here builds images."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.builders import Builder, find_builder
from benchmarks.images import serving_context
from tests.golden.cases import look_alike

PROJECT = Path(__file__).parents[2]
IN_CONTEXT = ("LICENSE", "README.md", "pyproject.toml", "setup.cfg", "slimwheel", "recipes")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("images")]


@pytest.fixture(scope="module")
def builder() -> Builder:
    found = find_builder()
    if isinstance(found, str):
        pytest.skip(f"no image can be built: {found}")
    return found


@pytest.fixture(scope="module")
def image(builder: Builder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image in which wheels are built, with a wheel in it to build from."""
    context = tmp_path_factory.mktemp("context")
    for name in IN_CONTEXT:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, context / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, context)
    tag = "slimwheel-test-build"
    builder.build(PROJECT / "docker" / "build.Dockerfile", context, tag, {})
    yield tag
    builder.remove(tag)


def test_slimwheel_runs_in_the_image_and_not_as_root(builder: Builder, image: str) -> None:
    from slimwheel import __version__

    assert builder.run(image, ["slimwheel", "--version"]) == f"slimwheel {__version__}\n"
    assert builder.run(image, ["id", "-u"]) == "1000\n"
    # Where results and the cache go can be written to, by any user.
    builder.run(image, ["sh", "-c", "touch dist/a /var/cache/slimwheel/a"])
    assert builder.run(image, ["stat", "-c", "%a", "dist", "/var/cache/slimwheel"]).split() == [
        "1777",
        "1777",
    ]


def test_a_wheel_built_in_the_image_is_the_one_built_here(
    builder: Builder, image: str, tmp_path: Path
) -> None:
    """The same bytes: with the same tools, which the manifest names."""
    from slimwheel.build import BuildOptions, build_wheel
    from slimwheel.build.origin import origin_of
    from slimwheel.files import file_sha256
    from slimwheel.recipe import load_recipe

    upstream = look_alike(tmp_path)
    here = build_wheel(upstream, load_recipe("cpu"), BuildOptions(tmp_path / "dist")).slim.path
    context = tmp_path / "context"
    context.mkdir()
    shutil.copy(upstream, context)
    (context / "Dockerfile").write_text(
        f"ARG BASE\nARG IMAGE\nFROM $IMAGE\nCOPY {upstream.name} /work/\n"
        f'RUN ["slimwheel", "build", "--no-smoke", "--recipe", "cpu", "{upstream.name}"]\n'
    )
    tag = "slimwheel-test-built"
    builder.build(context / "Dockerfile", context, tag, {"IMAGE": image})
    try:
        told = builder.run(tag, ["sha256sum", f"dist/{here.name}"]).split()[0]
        versions = (
            "import importlib.metadata as m, json; print(json.dumps({n: m.version(n) for n in"
        )
        origin = origin_of(here)
        assert origin is not None
        names = [name for name in origin.manifest["tools"] if name != "patchelf"]
        python = ["/opt/slimwheel/bin/python", "-c", f"{versions} {names}}}))"]
        there = json.loads(builder.run(tag, python))
    finally:
        builder.remove(tag)
    if all(origin.manifest["tools"][name] == version for name, version in there.items()):
        assert told == file_sha256(here)
    else:
        pytest.skip(f"the image has other versions of {', '.join(there)}")


def test_a_serving_image_has_a_torch_that_works(
    builder: Builder, torch_cpu_upstream: Path, tmp_path: Path
) -> None:
    from slimwheel.build import BuildOptions, build_wheel
    from slimwheel.recipe import load_recipe

    report = build_wheel(torch_cpu_upstream, load_recipe("cpu"), BuildOptions(tmp_path / "dist"))
    context = serving_context(tmp_path / "context", [one.path for one in report.outputs])
    tag = "slimwheel-test-serve"
    builder.build(PROJECT / "docker" / "serve.Dockerfile", context, tag, {})
    try:
        program = "import torch; print(torch.ones(2, 2).mm(torch.ones(2, 2)).sum().item())"
        assert builder.run(tag, ["python3", "-c", program]) == "8.0\n"
        assert builder.run(tag, ["id", "-u"]) == "1000\n"
        assert "torch_cpu" in builder.run(tag, ["python3", "-m", "torch_ergonomics"])
        assert "serve.py" in builder.run(tag, ["ls"])
    finally:
        builder.remove(tag)
