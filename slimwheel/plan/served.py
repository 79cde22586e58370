"""Whether a recipe can serve a wheel at all."""

from fnmatch import fnmatchcase

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from slimwheel.errors import NothingToDo, WheelError
from slimwheel.plan.facts import Facts
from slimwheel.recipe import ContentKind, Recipe, Refusal, recipes_for
from slimwheel.recipe.patterns import Matcher
from slimwheel.wheelfile.requirements import requirement_name
from slimwheel.wheelfile.wheel import Wheel


def check_served(facts: Facts, recipe: Recipe) -> None:
    """Check that a recipe is for this wheel.

    Raises:
        NothingToDo: the wheel is slim already.
        WheelError: another distribution, version or platform, one of the recipe's refusals, or
            headers that RECORD states otherwise.
    """
    wheel = facts.wheel
    package = recipe.distribution.package
    if any(name.startswith(f"{package}/_slimwheel/") for name in wheel.members):
        raise NothingToDo(
            "is a slim wheel already", file=wheel.file, hint="Give slimwheel the upstream wheel."
        )
    if wheel.project != recipe.upstream:
        others = recipes_for(wheel.project)
        raise WheelError(
            f"is {wheel.project}, not {recipe.upstream}, the distribution that recipe "
            f"{recipe.name} is for",
            file=wheel.file,
            hint=f"Choose one that is for it: {' or '.join(others)}."
            if others
            else f"No recipe that comes with slimwheel is for {wheel.project}; write one that "
            "extends another, as docs/recipes.md explains.",
        )
    public = Version(wheel.version).public
    if not SpecifierSet(recipe.versions).contains(public, prereleases=True):
        raise WheelError(
            f"has version {wheel.version}; recipe {recipe.name} is for {recipe.versions}",
            file=wheel.file,
            hint="Choose another version, or a recipe that serves this one.",
        )
    served = [
        tag
        for tag in wheel.name.platforms
        if any(fnmatchcase(tag, pattern) for pattern in recipe.platforms)
    ]
    if not served:
        raise WheelError(
            f"is for {', '.join(wheel.name.platforms)}; recipe {recipe.name} serves "
            f"{', '.join(recipe.platforms)} only",
            file=wheel.file,
            hint="Give it a wheel for Linux on x86_64.",
        )
    _check_unlisted(wheel, recipe)
    wrong = [rule for rule in recipe.misrecorded if rule.applies_to(wheel.version)]
    wheel.expect_misrecorded(Matcher(tuple(path for rule in wrong for path in rule.paths)))
    wheel.check_headers()
    for refusal in recipe.refuse:
        _check_refusal(facts, refusal)


def _check_unlisted(wheel: Wheel, recipe: Recipe) -> None:
    """Installers take files that RECORD does not list; who would know where they came from?"""
    known = [rule for rule in recipe.unlisted if rule.applies_to(wheel.version)]
    tolerated = Matcher(tuple(path for rule in known for path in rule.paths))
    for name in wheel.unlisted():
        if not tolerated(name):
            raise WheelError(
                "is not in RECORD",
                file=wheel.file,
                place=name,
                hint="Ask whoever built this wheel for a valid one.",
            )


def _check_refusal(facts: Facts, refusal: Refusal) -> None:
    found = _required_match(facts.wheel, refusal.requires) or _needed_match(facts, refusal.needed)
    if found:
        raise WheelError(
            f"{refusal.because} ({found})", file=facts.wheel.file, hint=refusal.instead
        )


def _required_match(wheel: Wheel, patterns: tuple[str, ...]) -> str | None:
    for value in wheel.metadata.get_all("Requires-Dist"):
        if any(fnmatchcase(requirement_name(value), pattern) for pattern in patterns):
            return f"it requires {requirement_name(value)}"
    return None


def _needed_match(facts: Facts, patterns: tuple[str, ...]) -> str | None:
    """Look at the smaller libraries first: one match is enough, and the large ones cost most."""
    if not patterns:
        return None
    by_size = sorted(facts.wheel.members.values(), key=lambda member: member.size)
    for member in by_size:
        if ".so" not in member.name or facts.kind(member.name) is not ContentKind.ELF:
            continue
        elf = facts.known_elf(member.name)
        for needed in elf.needed if elf else ():
            if any(fnmatchcase(needed, pattern) for pattern in patterns):
                return f"{member.name} needs {needed}"
    return None
