"""Cloning typeinfos, vtables and objects of a library that a shadow replaces (x86-64 only).

What the originals look like: Itanium C++ ABI, 2.5.2 (vtables) and 2.9.5 (typeinfos).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from slimwheel.elf import format as fmt
from slimwheel.elf.errors import ElfShapeError
from slimwheel.elf.file import ElfFile
from slimwheel.elf.format import Symbol
from slimwheel.elf.memory import Memory
from slimwheel.elf.relocations import Relocation, Relocations, RelocationType
from slimwheel.elf.shadow import (
    POINTER_SIZE,
    Data,
    Pointer,
    ToRefusingObject,
    ToSymbol,
    ToText,
    ToThrow,
)
from slimwheel.elf.writer import SymbolReference

LARGEST = 1 << 20

_TYPEINFO, _TYPEINFO_NAME, _VTABLE, _GUARD = "_ZTI", "_ZTS", "_ZTV", "_ZGV"
_RUNTIME_VTABLE = "_ZTVN10__cxxabiv1"
_RUNTIME, _RUNTIME_VERSION = "libstdc++.so.6", "CXXABI_1.3"
# The typeinfos of classes without a base, with one, and with any: there the number of bases, 32
# bits, stands at 20, and each takes 16 bytes more.
_MANY_BASES = "_ZTVN10__cxxabiv121__vmi_class_type_infoE"
_TYPEINFO_SIZES = {
    "_ZTVN10__cxxabiv117__class_type_infoE": 16,
    "_ZTVN10__cxxabiv120__si_class_type_infoE": 24,
    _MANY_BASES: 24,
}
# A typeinfo is its vtable's address, its name's address, and then what its class adds.
_NAME_OFFSET = 8
_LONGEST_NAME = 1 << 16
_STT_OBJECT, _STT_FUNC = 1, 2

ImportOf = Callable[[str, str | None], SymbolReference | None]
"""Says by name and version where a symbol stays available, or None if it goes."""


class Clone(NamedTuple):
    """A cloned definition, and the typeinfos and vtables it points to, to be cloned with it.

    Those that are `defined` can be cloned from the same library, the others only from the one
    that defines them. A typeinfo that the library keeps to itself gets the name here that C++
    gives it.
    """

    data: Data
    others: tuple[Symbol, ...]


def clone_data(
    elf: ElfFile, symbol: Symbol, message: str, relocations: Relocations, import_of: ImportOf
) -> Clone:
    """Clone a typeinfo (`_ZTI`), a vtable (`_ZTV`) or any other object.

    A typeinfo keeps its name, and its bases as symbols. In a vtable all functions throw that do
    not stay available. In other objects so do pointers to functions, and what points to data
    points to an object whose virtual functions throw; so does an object that is one word, zero
    until the library's code fills it, unless it is a guard (`_ZGV`), which says by its zero that
    something is still to be made. All else is copied.

    Args:
        elf: the library that defines the symbol.
        message: what is thrown.
        relocations: those of `elf`.
        import_of: asked for every symbol that the definition points to, those of the C++ runtime
            included: `std::exception::what` is in many a vtable, and must not throw.

    Raises:
        ElfShapeError: what cannot be cloned, by the symbol's name: functions, thread-local
            variables, symbols without a size or a place, or of more than a mebibyte, and
            what other relocations than those to addresses fill.
        ElfError: addresses that no segment holds, or other damage.
    """
    return _Cloner(elf, symbol, message, relocations, import_of).clone()


class _Cloner:
    """Walks one definition."""

    def __init__(
        self,
        elf: ElfFile,
        symbol: Symbol,
        message: str,
        relocations: Relocations,
        import_of: ImportOf,
    ) -> None:
        self._elf = elf
        self._symbol = symbol
        self._message = message
        self._relocations = relocations
        self._import_of = import_of
        self._memory = Memory(elf)
        self._others: dict[Symbol, None] = {}

    def clone(self) -> Clone:
        symbol = self._symbol
        if self._elf.header.machine != fmt.EM_X86_64:
            raise self._refusal("is of another machine than x86-64")
        if not symbol.defined or symbol.section_index >= fmt.SHN_LORESERVE:
            raise self._refusal("has no place in the file")
        if symbol.type != _STT_OBJECT:
            raise self._refusal(f"is no plain data, but of type {symbol.type}")
        if not 0 < symbol.size <= LARGEST:
            raise self._refusal(f"has a size of {symbol.size} bytes")
        content = self._memory.read(symbol.value, symbol.size)
        pieces = tuple(self._pieces(content))
        if pieces == (bytes(POINTER_SIZE),) and not symbol.name.startswith(_GUARD):
            pieces = (ToRefusingObject(self._message),)
        return Clone(Data(symbol.name, symbol.version, pieces), tuple(self._others))

    def _pieces(self, content: bytes) -> Iterator[bytes | Pointer]:
        start, done = self._symbol.value, 0
        for relocation in self._relocations.within(start, start + len(content)):
            offset = relocation.address - start
            if offset < done or offset + POINTER_SIZE > len(content):
                raise self._refusal("has relocations that overlap")
            if offset > done:
                yield content[done:offset]
            yield self._pointer(relocation, offset)
            done = offset + POINTER_SIZE
        if done < len(content):
            yield content[done:]

    def _pointer(self, relocation: Relocation, offset: int) -> Pointer:
        target = self._relocations.symbol(relocation)
        if relocation.type == RelocationType.RELATIVE:
            return self._to_address(relocation.addend, offset)
        if target and relocation.type == RelocationType.ADDRESS:
            return self._to_symbol(target, relocation.addend)
        raise self._refusal(f"is filled by a relocation of type {relocation.type}")

    def _to_symbol(self, target: Symbol, addend: int) -> Pointer:
        name, version = target.name, target.version
        if name.startswith(_RUNTIME_VTABLE):
            return ToSymbol(name, _RUNTIME_VERSION, _RUNTIME, addend)
        if found := self._import_of(name, version):
            return ToSymbol(*found, addend)
        if name.startswith((_TYPEINFO, _VTABLE)):
            self._others[target] = None
            return ToSymbol(name, version, None, addend)
        if name.startswith(_TYPEINFO_NAME):
            return ToText(name.removeprefix(_TYPEINFO_NAME))
        if self._is_vtable or target.type == _STT_FUNC:
            return ToThrow(self._message)
        return ToRefusingObject(self._message)

    def _to_address(self, address: int, offset: int) -> Pointer:
        is_typeinfo = self._symbol.name.startswith(_TYPEINFO)
        if is_typeinfo and offset == _NAME_OFFSET:
            return ToText(self._memory.string(address, _LONGEST_NAME))
        if self._memory.is_executable(address):
            return ToThrow(self._message)
        if is_typeinfo or self._is_vtable:
            return self._to_symbol(self._hidden_typeinfo(address), 0)
        return ToRefusingObject(self._message)

    def _hidden_typeinfo(self, address: int) -> Symbol:
        """Return a symbol for a class's typeinfo that is referred to by its address alone."""
        found = {r.address - address: r for r in self._relocations.within(address, address + 16)}
        vtable, name = (found.get(offset) for offset in (0, _NAME_OFFSET))
        kind = self._relocations.symbol(vtable) if vtable else None
        if name is None or kind is None or kind.name not in _TYPEINFO_SIZES:
            raise self._refusal(f"points to {address:#x}, which is no class's typeinfo")
        size = _TYPEINFO_SIZES[kind.name]
        if kind.name == _MANY_BASES:
            size += 16 * int.from_bytes(self._memory.read(address + 20, 4), "little")
        text = self._relocations.symbol(name)
        if text:
            mangled = text.name.removeprefix(_TYPEINFO_NAME)
        else:
            mangled = self._memory.string(name.addend, _LONGEST_NAME)
        # An asterisk says that the name is to be compared by its address, and is no part of it.
        own_name = _TYPEINFO + mangled.removeprefix("*")
        return self._symbol._replace(name=own_name, version=None, value=address, size=size)

    @property
    def _is_vtable(self) -> bool:
        return self._symbol.name.startswith(_VTABLE)

    def _refusal(self, message: str) -> ElfShapeError:
        return ElfShapeError(f"the symbol {message}", file=self._elf.name, place=self._symbol.name)
