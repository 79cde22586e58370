"""The recipe's rules over a wheel's facts: one decision for every member of upstream.

The order is: may this recipe serve this wheel at all; what goes by name and kind; what becomes of
CUDA and of device code; which ELF files change; which Python files change.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import TypeVar

from slimwheel.errors import NothingToDo, RecipeError, UsageError
from slimwheel.plan.cuda_rules import decide_cuda
from slimwheel.plan.device_code import Targets
from slimwheel.plan.device_rules import decide_device_code
from slimwheel.plan.elf_rules import decide_elf
from slimwheel.plan.facts import Facts
from slimwheel.plan.model import Action, Decision, Plan, RuleSummary, Saving
from slimwheel.plan.python_rules import decide_python
from slimwheel.plan.served import check_served
from slimwheel.recipe import LoadedRecipe, Recipe, Removal, Rule
from slimwheel.recipe.patterns import Matcher
from slimwheel.wheelfile.directory import Member

R = TypeVar("R", bound=Rule)
_NO_TARGETS = Targets()
_KEPT = "no rule asks for anything else"


@dataclass(frozen=True)
class Switches:
    """Rules that the user turns off (`keep`) and on (`drop`), by id."""

    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The switches as the command line writes them."""
        keeps = (f"--keep {name}" for name in sorted(set(self.keep)))
        return (*keeps, *(f"--drop {name}" for name in sorted(set(self.drop))))


def make_plan(
    facts: Facts,
    loaded: LoadedRecipe,
    switches: Switches | None = None,
    targets: Targets = _NO_TARGETS,
) -> Plan:
    """Decide about every member of a wheel outside its dist-info, which the build rewrites.

    Raises:
        WheelError: the recipe cannot serve this wheel, or a member is damaged.
        UsageError: the GPUs are missing, unknown, or of no use with this wheel or recipe.
        NothingToDo: the wheel is slim already, or no rule finds anything.
        RecipeError: a rule that the recipe marks required matches nothing.
        ElfError: an ELF member is damaged.
    """
    switches = switches or Switches()
    recipe = _switched(loaded.recipe, switches)
    check_served(facts, recipe)
    plan = Plan(LoadedRecipe(recipe, loaded.origin, loaded.text), switched=switches.words)
    if unlisted := facts.wheel.unlisted():
        plan.warnings.append(
            f"{len(unlisted)} files are not in upstream's RECORD; only their CRC was checked"
        )
    if doubtful := facts.wheel.misrecorded():
        plan.warnings.append(
            f"upstream's RECORD is wrong about {', '.join(doubtful)}; only the CRC was checked"
        )
    _decide_by_name(plan, facts)
    decide_cuda(plan, facts)
    decide_device_code(plan, facts, targets)
    decide_elf(plan, facts)
    if all(decision.action is Action.KEEP for decision in plan.decisions.values()):
        raise NothingToDo(
            "holds nothing that this recipe removes",
            file=facts.wheel.file,
            hint="Use it as it is.",
        )
    _summarize(plan, facts.wheel.version)
    decide_python(plan, facts)
    return plan


def _switched(recipe: Recipe, switches: Switches) -> Recipe:
    unknown = sorted({*switches.keep, *switches.drop} - set(recipe.rules))
    if unknown:
        raise UsageError(
            f"recipe {recipe.name} has no rule {', '.join(unknown)}",
            hint=f"It has {', '.join(recipe.rules)}.",
        )
    both = sorted(set(switches.keep) & set(switches.drop))
    if both:
        raise UsageError(f"--keep and --drop both name {', '.join(both)}", hint="Choose one.")
    wanted = dict.fromkeys(switches.keep, False) | dict.fromkeys(switches.drop, True)
    if not wanted:
        return recipe

    single = ("cuda", "device_code", "duplicates", "symbols", "leftovers", "needed", "rpath")
    switched = {
        name: rule and _switched_rule(rule, wanted)
        for name in single
        if (rule := getattr(recipe, name))
    }
    return recipe.model_copy(
        update={
            "remove": tuple(_switched_rule(rule, wanted) for rule in recipe.remove),
            **switched,
        }
    )


def _switched_rule(rule: R, wanted: dict[str, bool]) -> R:
    return rule.model_copy(update={"enabled": wanted.get(rule.id, rule.enabled)})


def _kept(member: Member) -> Decision:
    size, packed = member.size, member.compressed_size
    return Decision(member.name, Action.KEEP, _KEPT, size, size, packed, packed)


def _removed(member: Member, rule: Removal) -> Decision:
    size, packed = member.size, member.compressed_size
    savings = (Saving(rule.id, size),)
    return Decision(member.name, Action.DROP, rule.reason, size, 0, packed, 0, savings)


def _decide_by_name(plan: Plan, facts: Facts) -> None:
    """Drop what rules find by name and kind; so far all else is kept."""
    recipe, members = plan.loaded.recipe, facts.wheel.members
    dist_info = facts.wheel.dist_info + "/"
    left = [member for member in members if not member.startswith(dist_info)]
    dropped: dict[str, Decision] = {}
    for rule in recipe.remove:
        if not recipe.is_on(rule, facts.wheel.version):
            continue
        matches = Matcher(rule.paths, rule.exceptions)
        found = {
            member
            for member in left
            if matches(member) and (rule.kind is None or facts.kind(member) is rule.kind)
        }
        dropped |= {member: _removed(members[member], rule) for member in found}
        left = [member for member in left if member not in found]
        if rule.required and not found:
            raise RecipeError(
                f"rule {rule.id} matches nothing in {facts.wheel.file}, though it must",
                file=plan.loaded.origin,
                place=f"remove[{rule.id}]",
                hint="Mend its paths, or switch the rule off with --keep.",
            )
    plan.decisions = {name: dropped.get(name) or _kept(member) for name, member in members.items()}


def _summarize(plan: Plan, version: str) -> None:
    by_rule: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for decision in plan.decisions.values():
        for saving in decision.savings:
            by_rule[saving.rule].append((decision.member, saving.bytes))
    plan.acting = frozenset({None, *by_rule})
    for rule in plan.loaded.recipe.rules.values():
        if not plan.loaded.recipe.is_on(rule, version):
            continue
        touched = by_rule.get(rule.id, [])
        # What a rule adds to the wheel counts by its bytes only.
        members = (m for m, _ in touched if plan.decisions[m].action is not Action.ADD)
        plan.summaries.append(
            RuleSummary(
                rule,
                members=tuple(sorted(members)),
                saved=sum(saved for _, saved in touched),
                dev=isinstance(rule, Removal) and rule.dev,
            )
        )
