"""CUDA goes: its libraries are dropped, shadows written for those that others need, and libraries
that hold CPU and CUDA code together lose their device images.
"""

import posixpath
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from slimwheel.cuda import device_code_size
from slimwheel.elf import ElfFile, SymbolReference, write_shadow
from slimwheel.errors import ElfError, RecipeError
from slimwheel.plan.answers import ShadowMaker, Unshadowable
from slimwheel.plan.facts import Facts
from slimwheel.plan.linkage import Library, Linkage
from slimwheel.plan.model import Action, CudaPlan, Plan, ShadowSummary
from slimwheel.plan.shadows import Wanted, by_family, wanted_shadows
from slimwheel.plan.verdicts import Verdict, family_of, judge
from slimwheel.recipe import Cuda, Shadow
from slimwheel.wheelfile.names import escaped


@dataclass(frozen=True)
class _Made:
    """A shadow library that is ready to be written."""

    wanted: Wanted
    data: bytes


def decide_cuda(plan: Plan, facts: Facts) -> None:
    """Decide about every library that is still kept and has to do with CUDA.

    Raises:
        WheelError, ElfError: a member is damaged.
        RecipeError: the recipe drops a library for which nothing can stand in.
    """
    recipe = plan.loaded.recipe
    cuda, shadow = recipe.cuda, recipe.shadow
    if cuda is None or shadow is None or not recipe.is_on(cuda, facts.wheel.version):
        return
    elves = _elf_files(plan, facts)
    if not any(_has_to_do_with_cuda(member, elf, cuda) for member, elf in elves.items()):
        return
    linkage = Linkage(Library.of(member, elf) for member, elf in elves.items())
    verdicts, made = _judged(plan, facts, linkage, cuda, shadow)
    if not verdicts and not made:
        return
    going = [verdict for verdict in verdicts.values() if verdict.goes]
    for verdict in going:
        decision = plan.decisions[verdict.member]
        plan.decisions[verdict.member] = decision.dropped(cuda.id, verdict.why)
        facts.release(verdict.member)
    for one in made:
        _add_shadow(plan, cuda, one, verdicts)
    staying = (verdict for verdict in verdicts.values() if not verdict.goes)
    plan.cuda = CudaPlan(
        verdicts=verdicts,
        shadows=tuple(_summary(one, cuda) for one in made),
        emptied=frozenset(verdict.member for verdict in staying if verdict.device_code),
        renamed=_renamed(made),
    )


def _elf_files(plan: Plan, facts: Facts) -> dict[str, ElfFile]:
    members = (decision.member for decision in plan.with_action(Action.KEEP))
    found = ((member, facts.known_elf(member)) for member in members if facts.is_elf(member))
    return {member: elf for member, elf in found if elf is not None}


def _has_to_do_with_cuda(member: str, elf: ElfFile, cuda: Cuda) -> bool:
    """Tell from headers alone whether reading symbols is worth while; most wheels end here."""
    names = (posixpath.basename(member), elf.soname or "", *elf.needed)
    return bool(device_code_size(elf)) or family_of(names, cuda) is not None


def _judged(
    plan: Plan, facts: Facts, linkage: Linkage, cuda: Cuda, shadow: Shadow
) -> tuple[dict[str, Verdict], list[_Made]]:
    """Judge, and again where nothing can stand in for a library: that one stays then."""
    unshadowable: dict[str, str] = {}
    rpaths = {
        member: (elf.rpath if elf.rpath is not None else elf.runpath) or ""
        for member in linkage.libraries
        if (elf := facts.known_elf(member))
    }
    while True:
        verdicts = judge(linkage, cuda, facts.wheel.version, unshadowable)
        wanted = wanted_shadows(linkage, verdicts, plan.loaded.recipe, rpaths)
        asked = {key for one in wanted for key in one.symbols}
        stays = _Staying(linkage, verdicts)
        going = [linkage.libraries[v.member] for v in verdicts.values() if v.goes]
        maker = ShadowMaker(
            cuda,
            shadow,
            asked,
            going,
            lambda member: facts.elf(member).elf,
            stays.reference,
            _way_back(plan, facts),
        )
        try:
            return verdicts, [_made(one, maker, facts.wheel.file) for one in wanted]
        except Unshadowable as error:
            if error.library is None or error.library in unshadowable:
                raise RecipeError(
                    f"nothing can stand in for {error}",
                    file=plan.loaded.origin,
                    place=f"cuda, for {facts.wheel.file}",
                    hint="Keep the library that has it, with a [[cuda.keep]] in the recipe.",
                ) from error
            unshadowable[error.library] = str(error)


def _way_back(plan: Plan, facts: Facts) -> str:
    """Return what brings the libraries back, in the words of the shim's guards."""
    wheel, slim = facts.wheel, escaped(plan.loaded.recipe.distribution.name)
    return (
        f"To have it back, install upstream: pip uninstall -y {slim} {wheel.project} && "
        f"pip install {wheel.project}=={wheel.version}"
    )


def _made(wanted: Wanted, maker: ShadowMaker, file: str) -> _Made:
    try:
        return _Made(wanted, write_shadow(maker.make(wanted)))
    except (ValueError, struct.error) as error:
        raise ElfError(
            f"{wanted.name}, which it needs, cannot be stood in for: {error}",
            file=f"{file}: {wanted.users[0]}",
        ) from error


class _Staying:
    """Where symbols stay available when CUDA is gone."""

    def __init__(self, linkage: Linkage, verdicts: dict[str, Verdict]) -> None:
        going = {member for member, verdict in verdicts.items() if verdict.goes}
        libraries = linkage.libraries.values()
        self._staying = [library for library in libraries if library.member not in going]
        gone = [linkage.libraries[member] for member in going]
        names = {name for library in gone for name in library.names}
        self._runtime = {
            wish.name: SymbolReference(wish.name, wish.version, min(wish.libraries))
            for library in gone
            for wish in library.imports
            if wish.version and wish.libraries and not wish.libraries & names
        }

    def reference(self, name: str, _version: str | None) -> SymbolReference | None:
        """Return where a symbol can be had: of a library that stays, or of the C++ runtime.

        Neither has a symbol in several versions that differ.
        """
        if any(name in library.exports for library in self._staying):
            return SymbolReference(name)
        return self._runtime.get(name)


def _add_shadow(plan: Plan, cuda: Cuda, made: _Made, verdicts: dict[str, Verdict]) -> None:
    wanted = made.wanted
    why = f"a shadow library with {len(wanted.symbols):,} symbols"
    verdict = None
    if wanted.member in plan.decisions:
        why += " in its place"
        verdict = verdicts.get(wanted.member)
    why += f"; {verdict.why}" if verdict else f": {_few(wanted.users)} cannot be loaded without"
    plan.put(wanted.member, made.data, why, cuda.id)


def _renamed(made: Iterable[_Made]) -> dict[str, dict[str, str]]:
    """Return what libraries need by another name now, by member."""
    renamed: dict[str, dict[str, str]] = {}
    for wanted in (one.wanted for one in made):
        for user, names in wanted.asked.items():
            if other := {name: wanted.name for name in names if name != wanted.name}:
                renamed.setdefault(user, {}).update(other)
    return renamed


def _few(members: Iterable[str]) -> str:
    names = [member.rpartition("/")[2] for member in members]
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if names[2:] else "")


def _summary(made: _Made, cuda: Cuda) -> ShadowSummary:
    wanted = made.wanted
    return ShadowSummary(
        wanted.member,
        by_family(wanted, cuda),
        len(made.data),
        tuple(sorted({name for name, _ in wanted.symbols})),
    )
