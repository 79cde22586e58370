"""The schema of a matrix of builds. Unknown keys are errors."""

from typing import Annotated, Any, Literal, Self

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from slimwheel.build.compression import Compression
from slimwheel.errors import UsageError
from slimwheel.fetch.source import Wanted, parse_source
from slimwheel.fetch.tags import platform_options, python_options
from slimwheel.recipe.models import Model, RuleId
from slimwheel.recipe.schema import LocalVersion
from slimwheel.recipe.sizes import Size
from slimwheel.verify.findings import chosen_codes


def _python(text: str) -> str:
    try:
        python_options(text)
    except UsageError as error:
        raise ValueError(error.message) from error
    return text


def _platform(text: str) -> str:
    try:
        platform_options(text)
    except UsageError as error:
        raise ValueError(error.message) from error
    return text


def _upstream(text: str) -> str:
    """A requirement with a name: a file of one machine, or a bare URL, has none."""
    try:
        Requirement(text)
        wanted = parse_source(text)
    except InvalidRequirement as error:
        raise ValueError(f"{text!r} is not a requirement such as 'torch==2.13.0'") from error
    except UsageError as error:
        raise ValueError(error.message) from error
    if not isinstance(wanted, Wanted):
        raise ValueError(f"{text!r} is a file here, not a requirement")
    return wanted.requirement


def _device(text: str) -> str:
    if text == "native":
        raise ValueError("'native' is whatever machine builds; name the GPUs")
    return text


def _together(value: Any) -> Any:
    """A device alone is a list of one."""
    return (value,) if isinstance(value, str) else value


def _finding(code: str) -> str:
    try:
        chosen_codes((), (code,))
    except UsageError as error:
        raise ValueError(error.message) from error
    return code


Word = Annotated[str, Field(pattern=r"^[^\s-][^\x00-\x1f\x7f]*$")]
Upstream = Annotated[str, AfterValidator(_upstream)]
Python = Annotated[str, AfterValidator(_python)]
Platform = Annotated[str, AfterValidator(_platform)]
Device = Annotated[Word, AfterValidator(_device)]
Devices = Annotated[tuple[Device, ...], BeforeValidator(_together), Field(min_length=1)]
FindingCode = Annotated[str, AfterValidator(_finding)]
Label = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]


class Shared(Model):
    """What `[defaults]` may say and every build may say for itself."""

    pythons: tuple[Python, ...] = Field(default=(), description="such as '3.11', one wheel each")
    platforms: tuple[Platform, ...] = Field(default=(), description="tags, one wheel each")
    recipes: tuple[Word, ...] = Field(
        default=(), description="names, or paths from the file's directory; one wheel each"
    )
    devices: tuple[Devices, ...] = Field(
        default=(), description="as --device takes them: a text or a list for each wheel"
    )
    ptx: bool | None = None
    keep: tuple[RuleId, ...] = ()
    drop: tuple[RuleId, ...] = ()
    local: LocalVersion | None = None
    build_number: int | None = Field(default=None, ge=0)
    compress: Compression = Compression.FAST
    dev: bool = False
    index_url: Word | None = None
    extra_index_url: tuple[Word, ...] = ()
    find_links: tuple[Word, ...] = ()
    ignore: tuple[FindingCode, ...] = Field(
        default=(), description="findings that `verify` and `publish` let pass"
    )
    max_installed: Size | None = None
    max_wheel: Size | None = None


class Exclusion(Model):
    """Combinations that are not built: those that have all that is said here."""

    upstream: Upstream | None = None
    python: Python | None = None
    platform: Platform | None = None
    recipe: Word | None = None
    devices: Devices | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must name what is excluded")
        return self


class Build(Shared):
    """A product: every upstream for every Python, platform, recipe and list of devices."""

    label: Label | None = Field(default=None, description="stands in the names of its entries")
    upstreams: tuple[Upstream, ...] = Field(min_length=1)
    pythons: tuple[Python, ...] = Field(min_length=1)
    platforms: tuple[Platform, ...] = Field(min_length=1)
    recipes: tuple[Word, ...] = Field(min_length=1)
    exclude: tuple[Exclusion, ...] = ()

    @model_validator(mode="after")
    def _switches_have_a_name(self) -> Self:
        if (self.keep or self.drop) and not self.local:
            raise ValueError(
                "keep and drop make another wheel under the same version, so local has to name it"
            )
        return self


class Matrix(Model):
    """The whole file. `build` has the defaults in it."""

    schema_: Literal[1] = Field(alias="schema")
    defaults: Shared = Shared()
    build: tuple[Build, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _lay_over_defaults(cls, data: Any) -> Any:
        match data:
            case {"defaults": dict(defaults), "build": list(builds)}:
                known = {key: defaults[key] for key in Shared.model_fields if key in defaults}
                laid = [known | build if isinstance(build, dict) else build for build in builds]
                return data | {"build": laid}
        return data
