"""What a plan is: plain data that one command prints and another carries out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

from slimwheel.elf import Edits
from slimwheel.plan.device_code import DevicePlan
from slimwheel.plan.verdicts import Verdict
from slimwheel.recipe import LoadedRecipe, Rule

R = TypeVar("R", bound=Rule)


class Action(StrEnum):
    """What happens to a member."""

    KEEP = "keep"
    DROP = "drop"
    REWRITE = "rewrite"
    ADD = "add"


@dataclass(frozen=True)
class Saving:
    """Installed bytes that one rule saves on one member."""

    rule: str
    bytes: int


@dataclass(frozen=True)
class Decision:
    """What happens to one member, and why.

    Sizes are installed bytes, exact. `packed_before` is upstream's compressed size, and
    `packed_after` the new one: an estimate for members that are rewritten or added.
    """

    member: str
    action: Action
    why: str
    before: int
    after: int
    packed_before: int
    packed_after: int
    savings: tuple[Saving, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that asked for this action."""
        return tuple(saving.rule for saving in self.savings)

    def dropped(self, rule: str, why: str) -> "Decision":
        """Return the decision to drop this member, all its bytes saved by one rule."""
        return replace(
            self,
            action=Action.DROP,
            why=why,
            after=0,
            packed_after=0,
            savings=(Saving(rule, self.before),),
        )


@dataclass(frozen=True)
class ElfRewrite:
    """How an ELF file is written anew: edits of the scratch copy that facts unpacked."""

    edits: Edits
    used_patchelf: bool = False


@dataclass(frozen=True)
class RuleSummary:
    """What one rule does to a wheel. Sizes in installed bytes."""

    rule: Rule
    members: tuple[str, ...]
    saved: int
    dev: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON holds it."""
        return {
            "rule": self.rule.id,
            "files": len(self.members),
            "saved": self.saved,
            "reason": self.rule.reason,
            "loses": self.rule.loses,
            "dev": self.dev,
        }


@dataclass(frozen=True)
class ShadowSummary:
    """One shadow library: its symbols by family of CUDA or library, its size, and their names."""

    member: str
    families: Mapping[str, int]
    size: int
    symbols: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON holds it."""
        return {"member": self.member, "bytes": self.size, "symbols": dict(self.families)}


@dataclass(frozen=True)
class CudaPlan:
    """What becomes of CUDA.

    Attributes:
        verdicts: about every library that has to do with it, by member.
        shadows: what stands in for what goes, sorted by member.
        emptied: members that stay and lose their device images.
        renamed: by member, the shadows' names by those of the libraries that it needs now.
    """

    verdicts: Mapping[str, Verdict]
    shadows: tuple[ShadowSummary, ...]
    emptied: frozenset[str] = frozenset()
    renamed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "libraries": [verdict.to_json() for _, verdict in sorted(self.verdicts.items())],
            "shadows": [shadow.to_json() for shadow in self.shadows],
            "emptied": sorted(self.emptied),
            "renamed": {member: dict(names) for member, names in sorted(self.renamed.items())},
        }


@dataclass
class Plan:
    """Every decision about one wheel.

    Attributes:
        loaded: the recipe with its text.
        switched: rules that the user turned on or off, as `--keep x` and `--drop y` say it.
        decisions: by member name; members of dist-info under upstream's directory name.
        elf: how ELF members that are rewritten change.
        contents: new bytes of members that are added, or rewritten and small.
        summaries: by rule, in the recipe's order.
        cuda: what becomes of CUDA, None where the recipe or the wheel has nothing to do with it.
        device_code: which of it stays, None where the recipe leaves all of it as it is.
        dropped_requirements: values of Requires-Dist that go.
        replaced_requirements: values of Requires-Dist that take the place of others, by those.
        dropped_entry_points: those that go, as `group:name`.
        warnings: what was left alone although a rule asked for it.
    """

    loaded: LoadedRecipe
    switched: tuple[str, ...] = ()
    decisions: dict[str, Decision] = field(default_factory=dict)
    elf: dict[str, ElfRewrite] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    summaries: list[RuleSummary] = field(default_factory=list)
    cuda: CudaPlan | None = None
    device_code: DevicePlan | None = None
    dropped_requirements: list[str] = field(default_factory=list)
    replaced_requirements: dict[str, str] = field(default_factory=dict)
    dropped_entry_points: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def rule_on(self, rule: R | None, version: str) -> R | None:
        """Return a rule of the recipe where it is there, on, and meant for an upstream version."""
        return rule if self.loaded.recipe.is_on(rule, version) else None

    def renamed(self, member: str) -> Mapping[str, str]:
        """Return the new names of libraries that a member needs, by their old ones."""
        return self.cuda.renamed.get(member, {}) if self.cuda else {}

    def acted(self, rule: str | None) -> bool:
        """Whether a rule changed anything; what depends on no rule always happens."""
        if rule is None:
            return True
        # Most members stay as they are: no savings, and nothing to look at.
        changed = (saved for d in self.decisions.values() if (saved := d.savings))
        return any(saving.rule == rule for savings in changed for saving in savings)

    def with_action(self, *actions: Action) -> list[Decision]:
        """Return the decisions that have one of the actions, sorted by member."""
        chosen = (d for d in self.decisions.values() if d.action in actions)
        return sorted(chosen, key=lambda decision: decision.member)

    @property
    def shipped(self) -> list[Decision]:
        """What the slim wheel holds."""
        return self.with_action(Action.KEEP, Action.REWRITE, Action.ADD)

    @property
    def installed_before(self) -> int:
        """Bytes that upstream's files take when installed."""
        return sum(decision.before for decision in self.decisions.values())

    @property
    def installed_after(self) -> int:
        """Bytes that the slim wheel's files take when installed."""
        return sum(decision.after for decision in self.decisions.values())

    @property
    def packed_after(self) -> int:
        """Estimated compressed bytes of the slim wheel's members."""
        return sum(decision.packed_after for decision in self.decisions.values())

    def removed_by(self, rules: Iterable[str]) -> list[str]:
        """Return the members that any of the rules drops, sorted."""
        wanted = set(rules)
        return [d.member for d in self.with_action(Action.DROP) if wanted.intersection(d.rules)]
