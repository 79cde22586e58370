"""Installing slim torch in every order that people will, with pip old and new and with uv.

The wheels are made from a torch look-alike by the real command. Their project satisfies
`Requires-Dist: torch` through its companion, which an index has to show as yanked.
"""

import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.installers import Environment, Installer, pip_installer, uv_installer
from tests.support.loopback_index import loopback_index
from tests.support.upstream import make_torch_wheel, make_wheel

OLD, NEW = "2.13.0", "2.14.0"
TAG = "cp{0}{1}-cp{0}{1}-manylinux_2_28_x86_64".format(*sys.version_info)


def slim(upstream: Path, output: Path) -> None:
    """Put the slim wheel of `upstream` and its companion into `output`."""
    command = Path(sysconfig.get_path("scripts"), "slimwheel")
    arguments = ["build", "--recipe", "cpu", "--output-dir", str(output), str(upstream)]
    subprocess.run([str(command), *arguments], check=True)


@dataclass(frozen=True)
class Wheels:
    """All wheels of the matrix.

    Attributes:
        upstream: directory with two releases of torch and two of `dependent`.
        slim: directory with what slimwheel made of the first two.
    """

    upstream: Path
    slim: Path


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    made = Wheels(tmp_path_factory.mktemp("upstream"), tmp_path_factory.mktemp("slim"))
    for version in (OLD, NEW):
        slim(make_torch_wheel(made.upstream, f"{version}+cpu", tags=[TAG]), made.slim)
    for version in ("1.0", "2.0"):
        make_wheel(
            made.upstream,
            {"dependent.py": "import torch\n"},
            name="dependent",
            version=version,
            tags=["py3-none-any"],
            purelib=True,
            metadata_extra=["Requires-Dist: torch>=2"],
        )
    return made


@dataclass(frozen=True)
class Source:
    """Where wheels come from, and what the words of an order are there.

    Attributes:
        options: for the installer.
        words: requirements or paths, by the word.
    """

    options: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]


@pytest.fixture(scope="session")
def files(wheels: Wheels) -> Source:
    """Slim wheels are named by path; the directory of the others stands for what people have."""

    def paths(version: str) -> tuple[str, ...]:
        found = (*wheels.slim.glob(f"*-{version}+cpu-*"), *wheels.slim.glob(f"*-{version}+slim*"))
        assert len(found) == 2, found
        return tuple(str(path) for path in found)

    return Source(
        ("--no-index", "--find-links", str(wheels.upstream)),
        {
            "slim": paths(OLD),
            "new slim": paths(NEW),
            "both": tuple(reversed(paths(OLD))),
        },
    )


@pytest.fixture(scope="session")
def index(wheels: Wheels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """An index that has everything; the companions are yanked."""
    directory = tmp_path_factory.mktemp("index")
    for path in (*wheels.upstream.iterdir(), *wheels.slim.iterdir()):
        (directory / path.name).symlink_to(path)
    with loopback_index(directory) as served:
        served.yanked = {path.name for path in wheels.slim.glob("torch-*")}
        assert len(served.yanked) == 2
        yield Source(
            ("--index-url", served.url),
            {
                "slim": (f"torch-cpu=={OLD}+cpu",),
                "new slim": ("torch-cpu",),
                "both": (f"torch=={OLD}+slim.cpu", f"torch-cpu=={OLD}+cpu"),
            },
        )


# uv takes a yanked version only where the command itself pins it, so there both are named.
UV_INDEX = {
    "slim": (f"torch-cpu=={OLD}+cpu", f"torch=={OLD}+slim.cpu"),
    "new slim": ("torch-cpu", f"torch=={NEW}+slim.cpu"),
}
SHARED = {
    "upstream": (f"torch=={OLD}+cpu",),
    "new upstream": (f"torch=={NEW}+cpu",),
    "dependent": ("dependent==1.0",),
    "new dependent": ("dependent",),
    "-U": ("-U",),
    "--force-reinstall": ("--force-reinstall",),
}


@pytest.fixture(scope="session", params=["pip==23.2", "pip", "uv"])
def installer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Installer:
    if request.param == "uv":
        return uv_installer()
    return pip_installer(request.param, tmp_path_factory.mktemp("pip"))


@pytest.fixture(params=["files", "index"])
def shop(request: pytest.FixtureRequest, installer: Installer) -> Source:
    source: Source = request.getfixturevalue(request.param)
    words = {**SHARED, **source.words}
    if installer.kind == "uv" and request.param == "index":
        words |= UV_INDEX
    return Source(source.options, words)


@dataclass(frozen=True)
class Found:
    """What an environment has.

    Attributes:
        torch: `slim` or `upstream` by the files that are there, with torch's own version.
        versions: what installers believe, by project; None is not installed.
    """

    torch: str | None
    versions: Mapping[str, str | None]


_LOOK = """
import json, importlib.metadata, importlib.util, os
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
torch = None
if importlib.util.find_spec("torch"):
    import torch, functorch, torch.utils.cpp_extension
    assert torch.answer() == functorch.answer() == 42
    here = os.path.dirname(torch.__file__)
    slim = os.path.isdir(os.path.join(here, "_slimwheel"))
    assert slim != os.path.isdir(os.path.join(here, "include")), os.listdir(here)
    torch = ("slim " if slim else "upstream ") + torch.__version__
if importlib.util.find_spec("dependent"):
    import dependent
names = ["torch", "torch-cpu", "dependent"]
print(json.dumps({"torch": torch, "versions": {name: version(name) for name in names}}))
"""


def look(environment: Environment) -> Found:
    """Import what is there and ask the metadata."""
    found: Any = environment.run(_LOOK)
    return Found(**found)


def is_slim(version: str, dependent: str | None = None) -> Found:
    """The slim torch is in charge, and whoever requires torch is content."""
    return Found(
        f"slim {version}+cpu",
        {"torch": f"{version}+slim.cpu", "torch-cpu": f"{version}+cpu", "dependent": dependent},
    )


def is_upstream(version: str, dependent: str | None = None) -> Found:
    """Upstream's torch, untouched."""
    return Found(
        f"upstream {version}+cpu",
        {"torch": f"{version}+cpu", "torch-cpu": None, "dependent": dependent},
    )


ORDERS = {
    "fresh": ([["slim"]], is_slim(OLD)),
    "both named": ([["both"]], is_slim(OLD)),
    "again": ([["slim"], ["slim"]], is_slim(OLD)),
    "forced again": ([["slim"], ["--force-reinstall", "slim"]], is_slim(OLD)),
    "over upstream": ([["upstream"], ["slim"]], is_slim(OLD)),
    "over newer upstream": ([["new upstream"], ["slim"]], is_slim(OLD)),
    "newest over older upstream": ([["upstream"], ["-U", "new slim"]], is_slim(NEW)),
    "before a dependent": ([["slim", "dependent"]], is_slim(OLD, "1.0")),
    "after a dependent": ([["dependent", "slim"]], is_slim(OLD, "1.0")),
    "a dependent later": ([["slim"], ["dependent"]], is_slim(OLD, "1.0")),
    "a dependent earlier": ([["dependent"], ["slim"]], is_slim(OLD, "1.0")),
    "a dependent alone": ([["dependent"]], is_upstream(NEW, "1.0")),
    "upgrade": ([["slim"], ["-U", "new slim"]], is_slim(NEW)),
    "upgrade under a dependent": (
        [["slim", "dependent"], ["-U", "new slim"]],
        is_slim(NEW, "1.0"),
    ),
    "downgrade": ([["new slim"], ["slim"]], is_slim(OLD)),
}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment.create(tmp_path / "environment")


@pytest.mark.parametrize("order", ORDERS)
def test_orders(order: str, shop: Source, installer: Installer, environment: Environment) -> None:
    steps, expected = ORDERS[order]
    for step in steps:
        words = [real for word in step for real in shop.words[word]]
        installer.install(environment, [*shop.options, *words])
    assert look(environment) == expected
    installer.check(environment)


def test_upgrade_of_a_dependent(
    shop: Source, installer: Installer, environment: Environment
) -> None:
    words = shop.words
    install = partial(installer.install, environment)
    install([*shop.options, *words["slim"], *words["dependent"]])
    # uv's -U upgrades all that is required too, unless the command pins it.
    pins = words["slim"] if installer.kind == "uv" else ()
    install([*shop.options, "-U", *words["new dependent"], *pins])
    assert look(environment) == is_slim(OLD, "2.0")
    installer.check(environment)


def test_uninstall_and_back_to_upstream(
    shop: Source, installer: Installer, environment: Environment
) -> None:
    installer.install(environment, [*shop.options, *shop.words["slim"]])
    installer.uninstall(environment, ["torch-cpu", "torch"])
    assert look(environment) == Found(None, {"torch": None, "torch-cpu": None, "dependent": None})
    installer.install(environment, [*shop.options, *shop.words["upstream"]])
    assert look(environment) == is_upstream(OLD)
    installer.check(environment)
