"""The schema of recipes. Unknown keys are errors; each rule says why it is there and its cost.

The models are frozen: a recipe, once loaded, is a value.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import AfterValidator, Field, model_validator

from slimwheel.pysource import parse_place
from slimwheel.recipe.cuda import Cuda, Shadow
from slimwheel.recipe.device_code import DeviceCode
from slimwheel.recipe.models import Model, Rule, RuleId, Sentence, Versioned, Versions
from slimwheel.recipe.patterns import Pattern
from slimwheel.recipe.sizes import Size


def _name(text: str) -> str:
    return canonicalize_name(text, validate=True)


def _requirement(text: str) -> str:
    try:
        Requirement(text)
    except InvalidRequirement as error:
        raise ValueError(f"{text!r} is not a requirement such as 'numpy>=1.20'") from error
    return text


def _place(text: str) -> str:
    return str(parse_place(text))


ProjectName = Annotated[str, AfterValidator(_name)]
LocalVersion = Annotated[str, Field(pattern=r"^[a-z0-9]+(\.[a-z0-9]+)*$")]
RequirementText = Annotated[str, AfterValidator(_requirement)]
PlaceText = Annotated[str, AfterValidator(_place)]
ModuleName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
NameGlob = Annotated[str, Field(pattern=r"^[\w*?]+$", description="a Python name; * and ? match")]


class ContentKind(StrEnum):
    """What a file is, told from its first bytes and not from its name."""

    ELF = "elf"
    STATIC_ARCHIVE = "static-archive"


class Removal(Rule):
    """Members that go."""

    paths: tuple[Pattern, ...] = Field(min_length=1)
    exceptions: tuple[Pattern, ...] = Field(default=(), alias="except")
    kind: ContentKind | None = Field(default=None, description="only files that are this inside")
    dev: bool = Field(default=False, description="the dev wheel puts these back")


class Symbols(Rule):
    """Symbol tables and debug sections go from every ELF file."""

    id: RuleId = "symbols"
    exceptions: tuple[Pattern, ...] = Field(default=(), alias="except")


class Leftovers(Rule):
    """What patchelf left where it moved parts of ELF files goes, in whole pages of memory."""

    id: RuleId = "leftovers"
    exceptions: tuple[Pattern, ...] = Field(default=(), alias="except")


class Duplicates(Rule):
    """Byte-identical copies of libraries go when nothing asks for them by name."""

    id: RuleId = "duplicates"


class Rpath(Rule):
    """RPATHs are made to point inside the wheel, or where its requirements are installed."""

    id: RuleId = "rpath"
    keep: tuple[Pattern, ...] = Field(
        default=(), description="directories beside the wheel's own that entries may lead to"
    )


class Needed(Rule):
    """DT_NEEDED gets the libraries that the file's own version needs name and it forgot."""

    id: RuleId = "needed"


class Distribution(Model):
    """What comes out."""

    name: ProjectName
    companion: LocalVersion = Field(description="the companion's local version, as slim.cpu")
    dev: ProjectName | None = None
    package: VariableName = Field(
        description="the import package that gets the shim's private part"
    )
    local: LocalVersion | None = Field(default=None, description="appended to the local version")


class Undeclared(Versioned):
    """What some upstream versions cannot be imported without, and do not require."""

    requirement: RequirementText


class Requires(Model):
    """Changes to Requires-Dist, by normalized project name with * as wildcard."""

    drop: tuple[str, ...] = ()
    replace: dict[ProjectName, ProjectName] = Field(
        default_factory=dict, description="projects that take others' places, versions as they are"
    )
    add: tuple[RequirementText, ...] = ()
    undeclared: tuple[Undeclared, ...] = ()
    rule: RuleId | None = Field(default=None, description="drop only where this removed something")


class PythonEdit(Versioned):
    """An edit of a Python file, at a place that is found by parsing.

    In the code `{public-version}` stands for upstream's version without its local part.
    """

    file: str
    place: PlaceText
    code: str
    rule: RuleId
    required: bool = True


class Guard(Versioned):
    """Where somebody who reaches for a removed part gets the words of its rule."""

    kind: Literal["call", "path"]
    target: Annotated[str, Field(pattern=r"^[\w.]+:[\w.]+$")]
    rule: RuleId
    argument: str | None = Field(default=None, description="for path: the argument with the path")
    required: bool = False

    @model_validator(mode="after")
    def _argument_goes_with_path(self) -> Self:
        if (self.kind == "path") != (self.argument is not None):
            raise ValueError("`argument` goes with kind `path`, and only with it")
        return self


class Refusal(Model):
    """A wheel that this recipe cannot serve; any match refuses it."""

    requires: tuple[str, ...] = Field(default=(), description="patterns of Requires-Dist names")
    needed: tuple[str, ...] = Field(default=(), description="patterns of DT_NEEDED entries")
    because: Sentence
    instead: Sentence


class Unlisted(Versioned):
    """Files that upstream's own wheels leave out of RECORD; any other such file is an error."""

    paths: tuple[Pattern, ...] = Field(min_length=1)


class Forget(Versioned):
    """What extension modules define for a part that is gone, taken away when it is imported."""

    module: ModuleName
    rule: RuleId
    names: tuple[NameGlob, ...] = Field(default=(), description="attributes to delete")
    exceptions: tuple[NameGlob, ...] = Field(default=(), alias="except")
    set: dict[VariableName, bool | int | str] = Field(
        default_factory=dict, description="new values of attributes that are there"
    )


class Misrecorded(Versioned):
    """Files that upstream's own wheels list in RECORD with a wrong hash; else that is an error."""

    paths: tuple[Pattern, ...] = Field(min_length=1)


class Shim(Model):
    """What the shim does when the package is imported.

    Attributes:
        before: the place in the package's `__init__.py` ahead of its first library.
        after: the place behind it; None where there is nothing to do there.
        ergonomics: whether the wheel gets torch_ergonomics; one wheel in an environment may.
        environment: variables that are set before the first library loads.
        forget: what is taken away behind it.
    """

    before: PlaceText | None = Field(
        default=None, description="without it, ahead of the first import of the package itself"
    )
    after: PlaceText | None = None
    ergonomics: bool = False
    environment: dict[VariableName, str] = Field(default_factory=dict)
    forget: tuple[Forget, ...] = ()


class Differs(Versioned):
    """A result that is not upstream's, on purpose."""

    rule: RuleId
    record: str = Field(pattern=r"^[\w.]+$", description="a record of verify's battery")
    reason: Sentence = Field(description="what differs, and why it does")


class Expect(Model):
    """What the result must do and stay below."""

    imports: tuple[ModuleName, ...] = ()
    loads: tuple[Pattern, ...] = Field(
        default=(), description="libraries that can be loaded behind these imports"
    )
    max_installed: Size | None = None
    max_wheel: Size | None = None
    differs: tuple[Differs, ...] = ()

    def differing(self, upstream_version: str) -> dict[str, str]:
        """Return what differs on purpose from a version of upstream: reasons by record."""
        return {d.record: d.reason for d in self.differs if d.applies_to(upstream_version)}


class Recipe(Model):
    """A recipe, complete: inheritance is resolved before this is made."""

    schema_: Literal[1] = Field(alias="schema")
    name: RuleId
    summary: Sentence
    upstream: ProjectName
    versions: Versions = ""
    platforms: tuple[str, ...] = Field(description="patterns of platform tags that can be served")
    distribution: Distribution
    remove: tuple[Removal, ...] = ()
    symbols: Symbols | None = None
    leftovers: Leftovers | None = None
    duplicates: Duplicates | None = None
    needed: Needed | None = None
    rpath: Rpath | None = None
    cuda: Cuda | None = None
    shadow: Shadow | None = None
    device_code: DeviceCode | None = Field(default=None, alias="device-code")
    requires: Requires = Requires()
    python: tuple[PythonEdit, ...] = ()
    guard: tuple[Guard, ...] = ()
    refuse: tuple[Refusal, ...] = ()
    unlisted: tuple[Unlisted, ...] = ()
    misrecorded: tuple[Misrecorded, ...] = ()
    shim: Shim = Shim()
    expect: Expect = Expect()

    @property
    def rules(self) -> dict[str, Rule]:
        """Every rule by id, in the order in which they are asked."""
        return {rule.id: rule for rule in self._all_rules()}

    def is_on(self, rule: Rule | None, version: str) -> bool:
        """Whether a rule is there, enabled and meant for an upstream version."""
        return rule is not None and rule.enabled and rule.applies_to(version)

    def _all_rules(self) -> list[Rule]:
        single = (
            self.cuda,
            self.device_code,
            self.duplicates,
            self.symbols,
            self.leftovers,
            self.needed,
            self.rpath,
        )
        return [*self.remove, *(rule for rule in single if rule)]

    @model_validator(mode="after")
    def _ids_are_unique_and_known(self) -> Self:
        ids = [rule.id for rule in self._all_rules()]
        double = {name for name in ids if ids.count(name) > 1}
        if double:
            raise ValueError(f"rules with the same id: {', '.join(sorted(double))}")
        if (self.cuda is None) != (self.shadow is None):
            raise ValueError("`cuda` and `shadow` go together: what stands in for what goes")
        if self.cuda is not None and self.device_code is not None:
            raise ValueError("`cuda` takes all device code out, so there is none for `device-code`")
        names = [self.upstream, self.distribution.name, self.distribution.dev]
        if len(set(names)) < len(names):
            raise ValueError("upstream, distribution.name and distribution.dev must differ")
        used = {bound.rule for bound in self.guard} | {bound.rule for bound in self.python}
        used |= {bound.rule for bound in self.shim.forget}
        used |= {bound.rule for bound in self.expect.differs}
        used |= {self.requires.rule} if self.requires.rule else set()
        unknown = used - set(ids)
        if unknown:
            raise ValueError(f"no rule has the id {', '.join(sorted(unknown))}")
        if self.shim.after is None and self.shim.forget:
            raise ValueError("`shim.forget` takes effect at the place that `shim.after` names")
        return self
