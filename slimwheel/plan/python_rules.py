"""Python files that change: the shim's two calls, the guards, and the recipe's own edits."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from packaging.version import Version

from slimwheel.errors import WheelError
from slimwheel.plan.facts import Facts
from slimwheel.plan.model import Plan
from slimwheel.pysource import Edit, PlaceNotFound, apply, check, parse_place
from slimwheel.recipe import Forget, Guard, PythonEdit
from slimwheel.shim import boot_edits, guard_edits
from slimwheel.shim import manifest as shim_manifest

_BOOT = "calls the shim"
_PUBLIC_VERSION = "{public-version}"


def decide_python(plan: Plan, facts: Facts) -> None:
    """Edit the Python files that guards and the shim need, each once.

    Guards and edits of a rule that removed nothing are left out: they have no purpose then.

    Raises:
        WheelError: a file lacks a place that is required, or cannot be parsed.
    """
    recipe = plan.loaded.recipe
    version = facts.wheel.version
    edits: dict[str, list[Edit]] = defaultdict(list)
    whys: dict[str, list[str]] = defaultdict(list)
    entry = f"{recipe.distribution.package}/__init__.py"
    edits[entry] += boot_edits(recipe.distribution.package, recipe.shim.before, recipe.shim.after)
    whys[entry].append(_BOOT)
    for change in recipe.python:
        if change.applies_to(version) and change.rule in plan.acting:
            _add_change(plan, facts, change, edits, whys)
    shipped = {decision.member for decision in plan.shipped}
    for guard in active_guards(plan, version):
        _add_guard(plan, facts, guard, shipped, edits, whys)
    for member, wanted in edits.items():
        _rewrite(plan, facts, member, wanted, ", ".join(dict.fromkeys(whys[member])))


def active_guards(plan: Plan, version: str) -> list[Guard]:
    """Return the guards whose rules removed something."""
    guards = plan.loaded.recipe.guard
    return [guard for guard in guards if guard.applies_to(version) and guard.rule in plan.acting]


def active_forgets(plan: Plan, version: str) -> list[Forget]:
    """Return what the shim forgets: where rules removed something."""
    forgets = plan.loaded.recipe.shim.forget
    return [one for one in forgets if one.applies_to(version) and one.rule in plan.acting]


def as_shim_guard(guard: Guard) -> shim_manifest.Guard:
    """Return a guard as the shim's manifest holds it."""
    if guard.argument is None:
        return {"kind": "call", "target": guard.target, "rule": guard.rule}
    return {
        "kind": "path",
        "target": guard.target,
        "rule": guard.rule,
        "argument": guard.argument,
    }


def as_shim_forget(forget: Forget) -> shim_manifest.Forget:
    """Return what the shim forgets as its manifest holds it."""
    return {
        "module": forget.module,
        "rule": forget.rule,
        "names": list(forget.names),
        "except": list(forget.exceptions),
        "set": forget.set,
    }


def _add_change(
    plan: Plan,
    facts: Facts,
    change: PythonEdit,
    edits: dict[str, list[Edit]],
    whys: dict[str, list[str]],
) -> None:
    """Add one of the recipe's own edits; one that finds no place is an error where required."""
    public = Version(facts.wheel.version).public
    edit = Edit(parse_place(change.place), change.code.replace(_PUBLIC_VERSION, public))
    if not change.required:
        try:
            if change.file not in facts.wheel.members:
                raise PlaceNotFound("no such file")
            with _named(facts, change.file):
                check(_read(facts, change.file), [edit], change.file)
        except PlaceNotFound:
            plan.warnings.append(
                f"no edit of {change.file} at {change.place}: this wheel does not have it"
            )
            return
    edits[change.file].append(edit)
    whys[change.file].append(f"rule {change.rule}")


def _add_guard(
    plan: Plan,
    facts: Facts,
    guard: Guard,
    shipped: set[str],
    edits: dict[str, list[Edit]],
    whys: dict[str, list[str]],
) -> None:
    """Add a guard's edit; one that finds no place is an error only where it is required."""
    found = guard_edits([as_shim_guard(guard)], shipped)
    for member, wanted in found.items():
        try:
            with _named(facts, member):
                check(_read(facts, member), wanted, member)
        except PlaceNotFound:
            found = {}
            break
        edits[member] += wanted
        whys[member].append(f"guards what rule {guard.rule} removes")
    if found:
        return
    if guard.required:
        raise WheelError(
            f"has no {guard.target}, where rule {guard.rule} puts a guard",
            file=facts.wheel.file,
            hint="Give the recipe's guard a target or a version range that fits this wheel.",
        )
    plan.warnings.append(f"no guard at {guard.target}: this wheel does not have it")


def _rewrite(plan: Plan, facts: Facts, member: str, wanted: list[Edit], why: str) -> None:
    if member not in facts.wheel.members:
        raise WheelError(
            "is not in this wheel, though the recipe edits it",
            file=facts.wheel.file,
            place=member,
            hint="Give the recipe's edit a version range, or required = false.",
        )
    with _named(facts, member):
        plan.put(member, apply(_read(facts, member), wanted, member), why)


def _read(facts: Facts, member: str) -> bytes:
    return facts.wheel.read(facts.wheel.members[member])


@contextmanager
def _named(facts: Facts, member: str) -> Iterator[None]:
    """Have errors name the wheel that a member is in."""
    try:
        yield
    except WheelError as error:
        error.place = ": ".join(part for part in (member, error.place) if part)
        error.file = facts.wheel.file
        if isinstance(error, PlaceNotFound):
            error.hint = "Give the recipe's edits a version range that fits this wheel."
        raise
