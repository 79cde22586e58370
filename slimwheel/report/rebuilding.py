"""What making a slim wheel again showed, for a terminal."""

from collections.abc import Iterator

from slimwheel.build.rebuilding import Rebuilt
from slimwheel.wheelfile.comparison import Kind

_WORDS = {
    Kind.ADDED: "added",
    Kind.MISSING: "missing",
    Kind.CONTENT: "other content",
    Kind.COMPRESSION: "the same content, compressed otherwise",
    Kind.METADATA: "the same content, other metadata",
}


def rebuilt_lines(rebuilt: Rebuilt) -> Iterator[str]:
    """Yield a line for each difference, then the verdict; the verdict alone where there is none."""
    name = rebuilt.origin.path.name
    if rebuilt.difference is None:
        yield f"{name}: the same bytes, sha256 {rebuilt.sha256}"
        return
    for member in rebuilt.difference.members:
        detail = f": {member.detail}" if member.detail else ""
        yield f"{member.name}: {_WORDS[member.kind]}{detail}"
    for other in rebuilt.difference.outside:
        yield f"{name}: {other}"
    yield f"{name}: differs, and {environment(rebuilt)}"


def environment(rebuilt: Rebuilt) -> str:
    """Return whether the tools are those that the wheel names: what to suspect hangs on it."""
    if rebuilt.environment:
        return f"the environment differs: {'; '.join(map(str, rebuilt.environment))}"
    tools = ", ".join(f"{name} {version}" for name, version in sorted(rebuilt.tools.items()))
    return f"the environment is the same: {tools}"


def notes(rebuilt: Rebuilt) -> Iterator[str]:
    """Yield what the verdict does not say and whoever trusts it should know."""
    if rebuilt.own_recipe:
        used = rebuilt.origin.manifest["recipe"]["name"]
        yield (
            f"recipe {used} is not one that comes with this slimwheel: what it removes and "
            f"writes stands in {rebuilt.origin.member}"
        )
