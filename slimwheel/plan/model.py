"""What a plan is: plain data that one command prints and another carries out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from slimwheel.elf import Edits
from slimwheel.plan.device_code import DevicePlan
from slimwheel.plan.verdicts import Verdict
from slimwheel.recipe import LoadedRecipe, Rule
from slimwheel.wheelfile.deflate import Compressed, compress

R = TypeVar("R", bound=Rule)


class Action(StrEnum):
    """What happens to a member."""

    KEEP = "keep"
    DROP = "drop"
    REWRITE = "rewrite"
    ADD = "add"


class Saving(NamedTuple):
    """Installed bytes that one rule saves on one member."""

    rule: str
    bytes: int


class Decision(NamedTuple):
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
        saving = Saving(rule, self.before)
        return Decision(
            self.member, Action.DROP, why, self.before, 0, self.packed_before, 0, (saving,)
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
        packed: these bytes as the slim wheel holds them.
        summaries: by rule, in the recipe's order.
        acting: the rules that changed anything, and None, for what depends on no rule.
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
    packed: dict[str, Compressed] = field(default_factory=dict)
    summaries: list[RuleSummary] = field(default_factory=list)
    acting: frozenset[str | None] = frozenset({None})
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

    def put(self, member: str, data: bytes, why: str, rule: str | None = None) -> None:
        """Give a member new contents, whether upstream has it or not.

        Args:
            rule: the rule whose saving, or cost, the change of its size is; None for no rule's.
        """
        old = self.decisions.get(member)
        before = old.before if old else 0
        self.contents[member] = data
        self.packed[member] = compress(data)
        self.decisions[member] = Decision(
            member,
            Action.REWRITE if old else Action.ADD,
            why,
            before=before,
            after=len(data),
            packed_before=old.packed_before if old else 0,
            packed_after=len(self.packed[member].data),
            savings=(Saving(rule, before - len(data)),) if rule else (),
        )

    def with_action(self, *actions: Action) -> list[Decision]:
        """Return the decisions that have one of the actions, sorted by member."""
        chosen = (d for d in self.decisions.values() if d.action in actions)
        return sorted(chosen, key=attrgetter("member"))

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
