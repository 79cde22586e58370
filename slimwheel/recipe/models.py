"""What all models of a recipe have in common."""

from typing import Annotated

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _specifier(text: str) -> str:
    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise ValueError(f"{text!r} is not a version range such as '>=1.0,<2'") from error
    return text


Versions = Annotated[str, AfterValidator(_specifier)]
RuleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
Sentence = Annotated[str, Field(min_length=10)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)


class Versioned(Model):
    """Something that applies to some upstream versions only."""

    versions: Versions = ""

    def applies_to(self, version: str) -> bool:
        """Whether an upstream version is in the range; local parts do not matter."""
        public = Version(version).public
        return SpecifierSet(self.versions).contains(public, prereleases=True)


class Rule(Versioned):
    """What every rule says of itself; the plan, the shim and the SBOM use these words."""

    id: RuleId
    reason: Sentence = Field(description="why this can go")
    loses: Sentence = Field(description="what no longer works without it")
    enabled: bool = Field(default=True, description="off: applied only when --drop names it")
    required: bool = Field(default=False, description="matching nothing is an error")
