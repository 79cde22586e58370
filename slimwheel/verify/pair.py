"""Two fresh environments that differ in nothing but the torch: upstream's and the slim one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slimwheel.errors import ToolError
from slimwheel.verify.environments import Environment, Installer, create_environment
from slimwheel.verify.sizes import Dependency, dependencies_in
from slimwheel.wheelfile.wheel import Wheel

# What torch uses without requiring it, and what its operator database imports or uses. An
# environment without one of them is compared all the same: the report names what was absent.
BESIDE = ("numpy", "expecttest", "scipy")


@dataclass(frozen=True)
class Source:
    """Where an installer looks for what the wheels require.

    Attributes:
        offline: use no index.
        index_url, extra_index_urls, find_links: as `Environment.install` takes them.
        installer: uv or pip; uv where it is found.
    """

    offline: bool = False
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str | Path, ...] = ()
    installer: Installer | None = None

    def install(
        self, environment: Environment, *wanted: str | Path, constraints: Path | None = None
    ) -> None:
        """Install with what is required.

        Raises:
            ToolError: the installer failed.
        """
        environment.install(
            *wanted,
            offline=self.offline,
            index_url=self.index_url,
            extra_index_urls=self.extra_index_urls,
            find_links=self.find_links,
            options=["--constraint", str(constraints)] if constraints else [],
        )


@dataclass(frozen=True)
class Pair:
    """The two interpreters, and what was installed besides.

    Attributes:
        upstream, slim: the interpreters.
        dependencies: by side, what is installed besides the wheels; empty where an interpreter was
            given, for what it has besides is nobody's to say.
        absent: what could not be installed beside them, and why.
    """

    upstream: Path
    slim: Path
    dependencies: dict[str, dict[str, Dependency]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def make_pair(
    upstream: Path,
    slim: Sequence[Path],
    python: Path,
    place: Path,
    source: Source = Source(),
) -> Pair:
    """Make both environments.

    Upstream is installed with all that it requires, for a CUDA wheel cannot be imported without
    NVIDIA's libraries (4.4 GB for 2.14.1). What the slim wheel requires too gets the same version.

    Args:
        upstream: upstream's wheel.
        slim: the slim wheel and what belongs to it, such as its companion.
        python: the interpreter that they are for.
        place: the directory to make them in.

    Raises:
        ToolError: an installation failed.
        WheelError: a wheel is damaged.
    """
    theirs = create_environment(place / "upstream", python, installer=source.installer)
    source.install(theirs, upstream)
    absent = {}
    for package in BESIDE:
        try:
            source.install(theirs, package)
        except ToolError as error:
            absent[package] = " ".join(error.message.split())
    before = dependencies_in(theirs.site_packages, projects_of([upstream]))
    constraints = place / "constraints.txt"
    constraints.write_text("".join(f"{name}=={found.version}\n" for name, found in before.items()))
    ours = create_environment(place / "slim", python, installer=source.installer)
    beside = [package for package in BESIDE if package not in absent]
    ours.install(*slim, deps=False, offline=True)
    source.install(ours, *slim, *beside, constraints=constraints)
    after = dependencies_in(ours.site_packages, projects_of(slim))
    return Pair(theirs.python, ours.python, {"upstream": before, "slim": after}, absent)


def projects_of(wheels: Sequence[Path]) -> list[str]:
    """Return the wheels' projects.

    Raises:
        WheelError: a wheel is damaged.
    """
    projects = []
    for path in wheels:
        with Wheel.open(path) as wheel:
            projects.append(wheel.project)
    return projects
