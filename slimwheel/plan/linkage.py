"""How a wheel's libraries use each other: what each needs, imports and exports.

The loader looks a symbol up in all libraries that are in scope, so what DT_NEEDED names says
little: libraries name others of which they use nothing, and use some that they do not name. What
counts here is who uses whose symbols.
"""

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property

from slimwheel.cuda import device_code_size
from slimwheel.elf import ElfFile, Symbol

_WEAK = 2
# What older linkers export of every file.
_LINKER_MARKS = frozenset({"_init", "_fini", "_edata", "_end", "__bss_start"})
_LOCAL = 0


@dataclass(frozen=True)
class Import:
    """A symbol that a library uses and does not define.

    Attributes:
        name: as linkers spell it.
        version: None where the reference has none.
        libraries: that may define it, by what the version needs say; empty without a version.
        weak: the loader goes on where nobody defines it.
    """

    name: str
    version: str | None
    libraries: frozenset[str]
    weak: bool


@dataclass(frozen=True, eq=False)
class Library:
    """One ELF file of the wheel, as far as linking goes.

    Attributes:
        exports: what it defines for others, each name with its default version.
        device_code: bytes of device code in it.
        version_needs: symbol versions that it needs, by library.
    """

    member: str
    soname: str | None
    needed: tuple[str, ...]
    exports: Mapping[str, str | None]
    imports: tuple[Import, ...]
    device_code: int
    version_needs: Mapping[str, Collection[str]]

    @classmethod
    def of(cls, member: str, elf: ElfFile) -> "Library":
        """Read what matters of an ELF file; ElfError on damage."""
        holders: dict[str, set[str]] = {}
        for library, versions in elf.version_needs.items():
            for version in versions:
                holders.setdefault(version, set()).add(library)
        shared = {version: frozenset(libraries) for version, libraries in holders.items()}
        exports: dict[str, str | None] = {}
        imports: list[Import] = []
        # Nobody binds to a program's symbols but the libraries that it loads itself.
        may_export = not elf.is_executable
        for symbol in elf.symbols():
            name = symbol.name
            if symbol.defined:
                is_bound = may_export and is_export(symbol) and name not in _LINKER_MARKS
                if is_bound and (name not in exports or not symbol.hidden):
                    exports[name] = symbol.version
            elif symbol.binding != _LOCAL:
                libraries = shared.get(symbol.version or "", frozenset())
                weak = symbol.binding == _WEAK
                imports.append(Import(name, symbol.version, libraries, weak))
        return cls(
            member,
            elf.soname,
            elf.needed,
            exports,
            tuple(imports),
            device_code_size(elf),
            elf.version_needs,
        )

    @property
    def file(self) -> str:
        """The file's name, by which DT_NEEDED finds it."""
        return posixpath.basename(self.member)

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name by which another library may need it."""
        return frozenset({self.file} | ({self.soname} if self.soname else set()))

    @property
    def is_shell(self) -> bool:
        """Whether it defines nothing: it is loaded for the libraries that it brings along."""
        return not self.exports


def is_export(symbol: Symbol) -> bool:
    """Whether other files can bind to a symbol."""
    return symbol.defined and symbol.binding != _LOCAL and symbol.visibility in (0, 3)


@dataclass
class _Group:
    """Imports of one library that the same others may define."""

    providers: list[Library]
    wishes: list[Import] = field(default_factory=list)


class Linkage:
    """The libraries of one wheel and their bindings."""

    def __init__(self, libraries: Iterable[Library]) -> None:
        self.libraries = {library.member: library for library in libraries}
        self._by_name: dict[str, list[Library]] = {}
        for library in self.libraries.values():
            for name in library.names:
                self._by_name.setdefault(name, []).append(library)
        self._closures: dict[str, Set[str]] = {}
        self._definers: dict[str, list[Library]] = {}
        self._grouped: dict[str, Collection[_Group]] = {}
        wanted = {wish.name for library in self.libraries.values() for wish in library.imports}
        for library in self.libraries.values():
            for name in library.exports.keys() & wanted:
                self._definers.setdefault(name, []).append(library)

    def named(self, name: str) -> list[Library]:
        """Return the libraries of the wheel that a DT_NEEDED entry may mean."""
        return self._by_name.get(name, [])

    def needers(self, library: Library) -> list[Library]:
        """Return the libraries that name another in DT_NEEDED."""
        return [
            other
            for other in self.libraries.values()
            if other is not library and library.names.intersection(other.needed)
        ]

    def providers(self, user: Library, wish: Import) -> list[Library]:
        """Return the libraries of the wheel that may define what another imports.

        With a version, those that the version needs name: the loader insists. Without, those
        that the user needs, directly or through others; where none of them defines it, any: it
        may be there by the time of use, loaded by somebody else.
        """
        definers = [found for found in self._definers.get(wish.name, ()) if found is not user]
        if not definers:
            return definers
        if wish.version is not None:
            return [found for found in definers if wish.libraries & found.names]
        scope = self.closure(user)
        return [found for found in definers if found.names & scope] or definers

    def uses(self, user: Library, others: Collection[str]) -> Iterator[tuple[Import, Library]]:
        """Yield what a library can only have of others, by who these are.

        Args:
            others: members; what any library beside them defines is not counted.
        """
        for group in self._groups(user):
            if all(provider.member in others for provider in group.providers):
                for wish in group.wishes:
                    yield wish, group.providers[0]

    def is_asked(self, user: Library, library: Library) -> bool:
        """Tell whether another library may define something that a library imports."""
        return any(library in group.providers for group in self._groups(user))

    def _groups(self, user: Library) -> Collection["_Group"]:
        """Return what a library imports of others of the wheel, by who may define it.

        Imports are tens of thousands, and those who may define them are few.
        """
        known = self._grouped.get(user.member)
        if known is None:
            groups: dict[tuple[str, ...], _Group] = {}
            for wish in user.imports:
                if found := self.providers(user, wish):
                    key = tuple(provider.member for provider in found)
                    groups.setdefault(key, _Group(found)).wishes.append(wish)
            known = self._grouped.setdefault(user.member, groups.values())
        return known

    def closure(self, library: Library) -> Set[str]:
        """Return all names that a library needs, directly or through others."""
        known = self._closures.get(library.member)
        if known is not None:
            return known
        order: dict[str, None] = {}
        pending = list(library.needed)
        while pending:
            name = pending.pop(0)
            if name not in order:
                order[name] = None
                for found in self.named(name)[:1]:
                    pending += found.needed
        return self._closures.setdefault(library.member, order.keys())
