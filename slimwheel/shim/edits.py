"""Where the shim is called from the package's own sources."""

from collections.abc import Container, Iterable

from slimwheel.errors import RecipeError
from slimwheel.pysource import Edit, parse_place
from slimwheel.shim.manifest import Guard


def boot_edits(package: str, before: str | None = None, after: str | None = None) -> list[Edit]:
    """The edits of `<package>/__init__.py` that call the shim.

    Args:
        package: the import package.
        before: the place ahead of its first library, where `before()` is called; without it
            ahead of the first import of the package itself.
        after: the place behind it, where `after()` is called; without it nowhere.
    """
    edits = [_call(package, "before", before or f"before-import:{package}")]
    return edits + ([_call(package, "after", after)] if after else [])


def guard_edits(guards: Iterable[Guard], members: Container[str]) -> dict[str, list[Edit]]:
    """The edits that guards ask for, by member.

    Args:
        guards: guards of functions; removed modules are guarded without an edit.
        members: names of the wheel's members. A guard whose module is not among them has
            nothing to guard in this wheel and is left out.

    Raises:
        RecipeError: a guard's target is not `module:function`.
    """
    edits: dict[str, list[Edit]] = {}
    for guard in guards:
        module, colon, function = guard["target"].partition(":")
        if not colon:
            raise RecipeError(f"a guard's target is module:function, not {guard['target']!r}")
        path = module.replace(".", "/")
        member = next((m for m in (f"{path}.py", f"{path}/__init__.py") if m in members), None)
        if member is None:
            continue
        package = module.partition(".")[0]
        place, arguments = f"function:{function}", repr(guard["rule"])
        if guard["kind"] == "path":
            place += f"({guard['argument']})"
            arguments += f", {guard['argument']}"
        code = f"from {package}._slimwheel import gone as _gone; _gone({arguments})"
        edits.setdefault(member, []).append(Edit(parse_place(place), code))
    return edits


def _call(package: str, function: str, place: str) -> Edit:
    name = "_slimwheel_boot"
    code = f"from {package}._slimwheel import {function} as {name}; {name}(); del {name}"
    return Edit(parse_place(place), code)
