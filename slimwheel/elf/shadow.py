"""Shadow libraries: small shared objects that stand in for removed ones (x86-64 only).

A shadow has the SONAME, the symbols and the versions of the library that it replaces, so that
whatever was linked against that one loads unchanged. Its functions throw, or answer with a fixed
value; its data is cloned (`slimwheel.elf.clone`) or made of zeros and of pointers that refuse.

docs/formats-elf.md explains how the functions throw without unwind tables of their own.
"""

from dataclasses import dataclass

from slimwheel.elf.writer import SymbolReference

POINTER_SIZE = 8


@dataclass(frozen=True)
class Throw:
    """The function throws a C++ `std::runtime_error` with this text."""

    message: str


@dataclass(frozen=True)
class Return:
    """The function returns a number: signed or unsigned, up to 64 bits."""

    value: int


@dataclass(frozen=True)
class Text:
    """The function returns the address of a NUL-terminated text."""

    text: str


@dataclass(frozen=True)
class Zeros:
    """The function returns the address of `size` writable zero bytes, the same at every call."""

    size: int


@dataclass(frozen=True)
class Store:
    """The function writes through a pointer that it is given, unless that is NULL, and returns.

    Args:
        argument: which integer or pointer argument is the pointer, 0 to 5.
        value: what is written, as `size` (1, 2, 4 or 8) bytes.
        returns: what the function returns.
    """

    argument: int
    value: int
    size: int
    returns: int = 0


@dataclass(frozen=True)
class StoreText:
    """As `Store`, with the address of a NUL-terminated text."""

    argument: int
    text: str
    returns: int = 0


@dataclass(frozen=True)
class Construct:
    """The function is a constructor that makes all members zero.

    It zeroes the `size` bytes of the object (its first argument) and then points the object's
    first word `addend` bytes into the vtable: 16 is behind the two words that begin a vtable.
    Without a size the object is a block of the heap, made by `new`, and is zeroed to its end.
    """

    size: int | None
    vtable: SymbolReference
    addend: int = 16


Answer = Throw | Return | Text | Zeros | Store | StoreText | Construct


@dataclass(frozen=True)
class Function:
    """A function of the library, and what it does when it is called.

    `version` None is an unversioned symbol. Of several versions of one name the last one given is
    the default, which linkers bind to.
    """

    name: str
    version: str | None
    answer: Answer


@dataclass(frozen=True)
class ToSymbol:
    """The address of a symbol plus `addend` bytes.

    One that the shadow itself defines is meant if there is one (under this version, or under any
    where `version` is None); otherwise it is imported, which adds `library` to DT_NEEDED. A
    version can only be asked of a named library. A symbol of no named library may be missing
    where the shadow is loaded: its address is 0 then.
    """

    name: str
    version: str | None = None
    library: str | None = None
    addend: int = 0


@dataclass(frozen=True)
class ToText:
    """The address of a NUL-terminated text."""

    text: str


@dataclass(frozen=True)
class ToThrow:
    """The address of a function that throws as `Throw` does."""

    message: str


@dataclass(frozen=True)
class ToRefusingObject:
    """The address of an object without members whose virtual functions, `slots` many, all throw."""

    message: str
    slots: int = 128


@dataclass(frozen=True)
class ToZeros:
    """The address of `size` writable zero bytes."""

    size: int


Pointer = ToSymbol | ToText | ToThrow | ToRefusingObject | ToZeros


@dataclass(frozen=True)
class Data:
    """An object of the library: its bytes in order, of which a pointer takes eight.

    Typeinfos and vtables are such objects too. All are writable, as many are in the originals.
    """

    name: str
    version: str | None
    pieces: tuple[bytes | Pointer, ...]

    @property
    def size(self) -> int:
        """Bytes of the object."""
        return sum(len(p) if isinstance(p, bytes) else POINTER_SIZE for p in self.pieces)


@dataclass(frozen=True)
class ShadowLibrary:
    """What a shadow library holds.

    Args:
        versions: versions that must be defined even if no symbol has them.
        needed: entries of DT_NEEDED beyond those that the imports ask for.
    """

    soname: str
    functions: tuple[Function, ...] = ()
    data: tuple[Data, ...] = ()
    versions: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
