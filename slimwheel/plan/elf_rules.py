"""Rules about ELF files: copies that nobody names, symbol tables, patchelf's leftovers, RPATHs."""

import posixpath
from collections import defaultdict
from typing import TypeVar

from slimwheel.elf import (
    Edits,
    ElfShapeError,
    Section,
    find_leftovers,
    is_symbol_or_debug_section,
    renaming_patches,
    rpath_fits,
    sections_to_remove,
    shorten,
    slim,
)
from slimwheel.plan.device_changes import change_device_code
from slimwheel.plan.facts import ElfFacts, Facts
from slimwheel.plan.model import Action, Decision, ElfRewrite, Plan, Saving
from slimwheel.plan.search import missing_needed, wanted_rpath
from slimwheel.recipe import ContentKind, Leftovers, Symbols
from slimwheel.recipe.patterns import Matcher
from slimwheel.wheelfile.directory import Member
from slimwheel.wheelfile.places import Places

R = TypeVar("R", Symbols, Leftovers)

# What deflate makes of symbol tables, for estimates of the download: measured on torch's
# libraries, where names share long prefixes.
_SYMBOLS_RATIO = 0.09


def decide_elf(plan: Plan, facts: Facts) -> None:
    """Decide about every ELF member that is still kept.

    Raises:
        WheelError: a member is damaged.
        ElfError: a member is no whole ELF file.
        ToolError: an RPATH has to grow, and patchelf cannot do it.
    """
    kept = [decision.member for decision in plan.with_action(Action.KEEP)]
    libraries = [member for member in kept if facts.kind(member) is ContentKind.ELF]
    libraries = _without_copies(plan, facts, libraries)
    places = Places(decision.member for decision in plan.shipped)
    for member in libraries:
        try:
            _decide_one(plan, facts, member, places)
        except ElfShapeError as error:
            if plan.renamed(member):
                # As upstream has it, it would need libraries that are not there any more.
                error.hint = "Keep CUDA with --keep cuda, and the rest of this recipe can serve."
                raise
            plan.warnings.append(f"{member} stays as upstream has it: {error.message}")
            if plan.device_code is not None:
                plan.device_code.stays_whole(member)
            facts.release(member)


def _without_copies(plan: Plan, facts: Facts, libraries: list[str]) -> list[str]:
    """Drop identical files beside each other that no library needs; return what stays."""
    recipe = plan.loaded.recipe
    rule = recipe.duplicates
    if rule is None or not recipe.is_on(rule, facts.wheel.version):
        return libraries
    groups = [group for group in _identical(facts, libraries) if len(group) > 1]
    if not groups:
        return libraries
    elves = {library: facts.known_elf(library) for library in libraries}
    needed = {name for elf in elves.values() if elf for name in elf.needed}
    for group in groups:
        elf = elves[group[0]]
        if elf is None:
            continue
        soname = elf.soname
        stay = [member for member in group if posixpath.basename(member) in needed]
        stay = stay or [member for member in group if posixpath.basename(member) == soname]
        stay = stay or group[:1]
        for member in group:
            if member not in stay:
                why = f"{rule.reason}; {stay[0]} is the same file"
                plan.decisions[member] = plan.decisions[member].dropped(rule.id, why)
                facts.release(member)
                if plan.device_code is not None:
                    plan.device_code.libraries.pop(member, None)
    return [member for member in libraries if plan.decisions[member].action is Action.KEEP]


def _identical(facts: Facts, libraries: list[str]) -> list[list[str]]:
    groups: dict[tuple[str, bytes], list[str]] = defaultdict(list)
    for member in libraries:
        entry = facts.wheel.record.get(member)
        if entry is not None:
            groups[posixpath.dirname(member), entry.digest].append(member)
    return list(groups.values())


def _decide_one(plan: Plan, facts: Facts, member: str, places: Places) -> None:
    upstream = facts.wheel.members[member]
    savings: list[Saving] = []
    changes: list[str] = []
    found, rpath, used_patchelf = _linked(plan, facts, member, places, savings, changes)
    renamed = renaming_patches(found.elf, plan.renamed(member)) or []
    symbols = _for_member(plan, facts, plan.loaded.recipe.symbols, member)
    leftovers_rule = _for_member(plan, facts, plan.loaded.recipe.leftovers, member)
    leftovers = find_leftovers(found.elf) if leftovers_rule else ()
    device_code = change_device_code(plan, member, found.elf, leftovers, symbols=symbols is None)
    shortened = device_code.shortened or shorten(found.elf, {}, leftovers)
    edits = slim(
        found.elf,
        drop=is_symbol_or_debug_section if symbols else _no_section,
        rpath=rpath,
        patches=(*device_code.patches, *renamed),
        shortened=shortened if shortened.holes or shortened.patches else None,
    )
    shares = []
    if device_code.rule:
        changes.append(device_code.words)
        shares.append(Saving(device_code.rule, shortened.cut))
    if leftovers_rule is not None and shortened.cut_leftovers:
        changes.append(f"{shortened.cut_leftovers:,} bytes that patchelf left taken out")
        shares.append(Saving(leftovers_rule.id, shortened.cut_leftovers))
    rest = edits.saved - shortened.cut - shortened.cut_leftovers
    if symbols and rest > 0 and sections_to_remove(found.elf, is_symbol_or_debug_section):
        changes.append("without symbol tables and debug sections")
        shares.append(Saving(symbols.id, 0))
    if not changes:
        facts.release(member)
        return
    if shares:
        # What closing up makes of alignment is the last one's.
        shares[-1] = shares[-1]._replace(bytes=shares[-1].bytes + rest)
    plan.elf[member] = ElfRewrite(edits, used_patchelf)
    why = "; ".join(changes)
    removed = (shortened.cut, shortened.cut_leftovers)
    plan.decisions[member] = _rewritten(
        upstream,
        edits,
        device_code.cut_packed,
        sum(removed),
        _by_rule([*savings, *shares]),
        why,
    )


def _by_rule(savings: list[Saving]) -> tuple[Saving, ...]:
    """Return one saving for each rule, in order."""
    sums: dict[str, int] = defaultdict(int)
    for saving in savings:
        sums[saving.rule] += saving.bytes
    return tuple(Saving(rule, size) for rule, size in sums.items())


def _for_member(plan: Plan, facts: Facts, rule: R | None, member: str) -> R | None:
    """Return a rule where it is on and does not except the member."""
    on = plan.rule_on(rule, facts.wheel.version)
    return None if on is None or Matcher(on.exceptions)(member) else on


def _linked(
    plan: Plan,
    facts: Facts,
    member: str,
    places: Places,
    savings: list[Saving],
    changes: list[str],
) -> tuple[ElfFacts, str | None, bool]:
    """Decide about DT_NEEDED and the RPATH: what is still to be set in place, and whether patchelf
    was used for what did not fit.
    """
    found = facts.elf(member)
    before = found.path.stat().st_size
    recipe, version = plan.loaded.recipe, facts.wheel.version
    needed_rule = plan.rule_on(recipe.needed, version)
    rpath_rule = plan.rule_on(recipe.rpath, version)
    needed = missing_needed(found.elf) if needed_rule else []
    renamed = plan.renamed(member)
    rpath = None
    if rpath_rule is not None:
        rpath = wanted_rpath(found.elf, member, places, Matcher(rpath_rule.keep), renamed)
    rules = []
    if recipe.cuda is not None and renamed:
        changes.append(f"needs {', '.join(sorted(set(renamed.values())))} of the wheel's own")
        rules.append(recipe.cuda.id)
    if needed_rule is not None and needed:
        changes.append(f"needs {', '.join(needed)}")
        rules.append(needed_rule.id)
    if rpath_rule is not None and rpath is not None:
        changes.append(f"RPATH {rpath or '(empty)'}")
        rules.append(rpath_rule.id)
    grows = bool(needed) or (rpath is not None and not rpath_fits(found.elf, rpath))
    unfitting = {} if renaming_patches(found.elf, renamed) is not None else renamed
    if grows or unfitting:
        grows = True
        found = facts.grow(member, rpath=rpath, needed=needed, renamed=unfitting)
        rpath = None
    # What patchelf adds is counted once, for the first rule that called it.
    added = found.path.stat().st_size - before
    savings += [Saving(rule, -added if number == 0 else 0) for number, rule in enumerate(rules)]
    return found, rpath, grows


def _no_section(section: Section) -> bool:  # noqa: ARG001 - the shape that `slim` asks for
    return False


def _rewritten(
    upstream: Member,
    edits: Edits,
    cut_packed: int,
    cut: int,
    savings: tuple[Saving, ...],
    why: str,
) -> Decision:
    # Device code is counted as it is packed, and of leftovers, one letter over and over, next to
    # nothing is downloaded.
    others = max(upstream.size - edits.size - cut, 0)
    estimate = upstream.compressed_size - cut_packed - round(_SYMBOLS_RATIO * others)
    return Decision(
        upstream.name,
        Action.REWRITE,
        why,
        before=upstream.size,
        after=edits.size,
        packed_before=upstream.compressed_size,
        packed_after=max(estimate, 0),
        savings=savings,
    )
