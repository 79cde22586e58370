"""What a recipe says of CUDA: its libraries, how its symbols are told, what stands in for them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from slimwheel.recipe.models import Model, Rule, RuleId, Sentence, Versioned
from slimwheel.recipe.patterns import Pattern

SymbolName = Annotated[str, Field(pattern=r"^\S+$")]
Glob = Annotated[str, Field(pattern=r"^\S+$", description="* ? and [] as a shell has them")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
ReturnValue = Annotated[int, Field(ge=-(1 << 63), lt=1 << 64)]


class Family(Model):
    """The libraries of one part of CUDA, in every version and under hashed names."""

    name: RuleId
    sonames: tuple[Glob, ...] = Field(min_length=1, description="SONAMEs or file names")
    symbols: tuple[Glob, ...] = Field(default=(), description="what its functions are called")
    returns: ReturnValue = Field(description="what its functions return where there is no CUDA")


class Kept(Versioned):
    """Libraries that stay in any case."""

    paths: tuple[Pattern, ...] = Field(min_length=1)


class Cuda(Rule):
    """CUDA goes: its libraries, and those of the wheel whose work is CUDA's alone."""

    id: RuleId = "cuda"
    family: tuple[Family, ...] = Field(min_length=1)
    words: tuple[Word, ...] = Field(
        min_length=1, description="a symbol whose name holds one of these is CUDA's"
    )
    keep: tuple[Kept, ...] = ()
    drop: tuple[Pattern, ...] = Field(default=(), description="libraries that go in any case")

    def kept(self, version: str) -> tuple[str, ...]:
        """Return the patterns of what stays in any case in an upstream version."""
        return tuple(path for one in self.keep if one.applies_to(version) for path in one.paths)


class Store(Model):
    """Writing a number, or the address of a text, through a pointer that the caller passes."""

    argument: int = Field(ge=0, le=5, description="which argument, from 0")
    value: ReturnValue = 0
    size: Literal[1, 2, 4, 8] = Field(default=8, description="bytes of the number")
    text: str | None = Field(default=None, description="in place of `value` and `size`")


class Constructs(Model):
    """What a constructor leaves behind in an object that was allocated for it: zeros, a vtable."""

    vtable: SymbolName = Field(description="the vtable's symbol, as _ZTV...")


class Answer(Model):
    """How single functions answer, where their family's way is not right."""

    symbols: tuple[Glob, ...] = Field(min_length=1)
    returns: ReturnValue | None = Field(default=None, description="alone, or beside `store`")
    text: str | None = Field(default=None, description="returns the address of this text")
    zeros: int | None = Field(
        default=None, gt=0, le=1 << 16, description="returns the address of so many zero bytes"
    )
    store: Store | None = None
    constructs: Constructs | None = None
    throws: Literal[True] | None = Field(
        default=None, description="as C++ functions do; for C functions that only C++ code calls"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [self.text, self.zeros, self.store, self.constructs, self.throws]
        given = sum(way is not None for way in ways)
        if given > 1 or (given == 0 and self.returns is None):
            raise ValueError(
                "give one of `returns`, `text`, `zeros`, `store`, `constructs` and `throws`"
            )
        if self.returns is not None and given and self.store is None:
            raise ValueError("`returns` stands alone, or beside `store`")
        return self


class Export(Model):
    """What a shadow library has beyond what the wheel's own libraries ask for."""

    library: Glob = Field(description="SONAME or file name of the removed library")
    defined: tuple[Glob, ...] = Field(
        default=(), description="of the symbols that the removed library defines"
    )
    used: tuple[Glob, ...] = Field(
        default=(), description="of what any library of the wheel, also a removed one, uses of it"
    )
    functions: tuple[SymbolName, ...] = Field(default=(), description="further functions, by name")


class Shadow(Model):
    """What stands in for removed libraries that others still need."""

    message: Sentence = Field(description="behind the name of a C++ function that cannot work")
    library: Glob | None = Field(
        default=None,
        pattern=r"^[\w.-]+$",
        description="one library of this name stands in for all, and no other asks for it",
    )
    answer: tuple[Answer, ...] = ()
    export: tuple[Export, ...] = ()
