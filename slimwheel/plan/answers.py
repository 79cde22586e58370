"""Shadow libraries as the recipe wants them: what each symbol answers, and in which words."""

from collections.abc import Callable, Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from slimwheel.elf import (
    Answer,
    Construct,
    Data,
    ElfFile,
    Function,
    Relocations,
    Return,
    ShadowLibrary,
    Store,
    StoreText,
    Symbol,
    SymbolReference,
    Text,
    Throw,
    ToRefusingObject,
    Zeros,
    clone_data,
)
from slimwheel.errors import ElfError
from slimwheel.plan.linkage import Library, is_export
from slimwheel.plan.shadows import Key, Wanted
from slimwheel.recipe import Answer as AnswerRule
from slimwheel.recipe import Cuda, Shadow

# STT_NOTYPE, which assembly code leaves, STT_FUNC, and STT_GNU_IFUNC: functions to their callers.
_FUNCTION_TYPES = (0, 2, 10)
_OBJECT = 1
_CLASS = ("_ZTI", "_ZTV")
_LONGEST = 1 << 14
# What the demangler raises where a symbol is no valid name.
_NO_NAME = (
    AttributeError,
    IndexError,
    KeyError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)
# Zero bytes behind the first word of a variable of unknown size.
_ROOM = 56
_LARGEST_DATA = 1 << 24
_DEEPEST = 64


class Unshadowable(Exception):
    """A symbol that nothing can stand in for.

    Attributes:
        library: the removed library's member that has it.
    """

    def __init__(self, library: str | None, symbol: str, why: str) -> None:
        super().__init__(f"{symbol}: {why}")
        self.library = library


def demangled(symbol: str) -> str:
    """Return a C++ symbol as people write it, without the parameters; others as they are.

    So are names that are no valid ones, or whose substitutions grow beyond all measure.
    """
    try:
        node = _parsed(symbol)
        if node is None or _length(node, {}) > _LONGEST:
            return symbol
        return str(node.name if node.kind == "func" else node)
    except _NO_NAME:
        return symbol


def is_variable(symbol: str) -> bool:
    """Tell by its name whether a C++ symbol is a variable: functions have parameters in theirs."""
    try:
        node = _parsed(symbol)
    except _NO_NAME:
        return False
    return node is not None and node.kind in ("name", "qual_name")


def _parsed(symbol: str) -> Any:
    # Here and not above: most wheels have no CUDA for whose functions words have to be found.
    import itanium_demangler

    return itanium_demangler.parse(symbol)


def _length(node: object, known: dict[int, int]) -> int:
    """Return about how long a node's text is, without writing out what nodes share."""
    if not isinstance(node, tuple):
        return len(str(node))
    if id(node) not in known:
        known[id(node)] = 1 + sum(_length(part, known) for part in node)
    return known[id(node)]


class ShadowMaker:
    """Makes shadow libraries out of what is wanted.

    Args:
        asked: every symbol that any of the shadows is to have.
        going: the libraries of the wheel that go.
        elf: the ELF file of a member of the wheel.
        stays: where a symbol stays available, None if it goes.
        way_back: what brings the libraries back, as people read it.
    """

    def __init__(
        self,
        cuda: Cuda,
        shadow: Shadow,
        asked: Collection[Key],
        going: Iterable[Library],
        elf: Callable[[str], ElfFile],
        stays: Callable[[str, str | None], SymbolReference | None],
        way_back: str,
    ) -> None:
        self._cuda = cuda
        self._rules = shadow
        self._asked = asked
        self._going = list(going)
        self._elf = elf
        self._stays = stays
        self._way_back = way_back
        self._definitions: dict[str, Mapping[Key, Symbol]] = {}
        self._relocations: dict[str, Relocations] = {}

    def make(self, wanted: Wanted) -> ShadowLibrary:
        """Describe the shadow of one library.

        Raises:
            Unshadowable: a symbol is thread-local, say, or unknown data.
            ElfError: the removed library is damaged.
        """
        functions: list[Function] = []
        data: dict[Key, Data] = {}
        for key, provider in sorted(wanted.symbols.items(), key=lambda item: _sortable(item[0])):
            symbol = self._definition(provider, key)
            if provider is None and is_variable(key[0]):
                # Nobody knows its size. What one points to is what most of them are for.
                pieces = (ToRefusingObject(self.message(key[0])), bytes(_ROOM))
                data[key] = Data(*key, pieces)
            elif symbol is None or symbol.type in _FUNCTION_TYPES:
                if symbol is None and key[0].startswith(_CLASS):
                    member = provider.member if provider else None
                    raise Unshadowable(member, key[0], "the wheel does not hold its original")
                functions.append(Function(*key, self._answer(wanted, key)))
            elif provider is not None:
                self._clone(provider, key, symbol, data)
                if sum(one.size for one in data.values()) > _LARGEST_DATA:
                    why = f"with it there are more than {_LARGEST_DATA:,} bytes of data"
                    raise Unshadowable(provider.member, key[0], why)
        return ShadowLibrary(
            wanted.soname,
            tuple(functions),
            tuple(data[key] for key in sorted(data, key=_sortable)),
            versions=tuple(sorted(wanted.versions)),
        )

    def message(self, symbol: str) -> str:
        """Return what somebody reads who calls a C++ function that is gone."""
        trouble = f"{demangled(symbol)}: {self._rules.message}"
        return f"{trouble}\nLost: {self._cuda.loses}\n{self._way_back}"

    def _clone(
        self, provider: Library, key: Key, symbol: Symbol, data: dict[Key, Data], depth: int = 0
    ) -> None:
        """Clone a definition, and the typeinfos and vtables that it points to."""
        if key in data:
            return
        if depth > _DEEPEST:
            raise Unshadowable(provider.member, key[0], "it refers to others without an end")
        if symbol.type != _OBJECT:
            raise Unshadowable(provider.member, key[0], f"a symbol of type {symbol.type}")
        elf = self._elf(provider.member)
        if provider.member not in self._relocations:
            self._relocations[provider.member] = Relocations.read(elf)
        relocations = self._relocations[provider.member]
        try:
            clone = clone_data(elf, symbol, self.message(key[0]), relocations, self._stays)
        except ElfError as error:
            raise Unshadowable(provider.member, key[0], error.message) from error
        data[key] = clone.data
        for other in clone.others:
            holder, found = provider, other
            if not other.defined:
                holder, found = self._elsewhere(other.name, provider, key)
            self._clone(holder, (found.name, found.version), found, data, depth + 1)

    def _elsewhere(self, name: str, provider: Library, key: Key) -> tuple[Library, Symbol]:
        """Find what a removed library refers to in another one that goes."""
        for library in self._going:
            symbol = self._definition(library, (name, None)) if name in library.exports else None
            if symbol is not None:
                return library, symbol
        why = f"it refers to {demangled(name)}, which nothing in the wheel defines"
        raise Unshadowable(provider.member, key[0], why)

    def _definition(self, provider: Library | None, key: Key) -> Symbol | None:
        if provider is None:
            return None
        if provider.member not in self._definitions:
            found: dict[Key, Symbol] = {}
            asked = {name for name, _ in self._asked}
            for symbol in self._elf(provider.member).symbols():
                # What is asked for may point to any typeinfo or vtable; others only take room.
                if is_export(symbol) and (symbol.name in asked or symbol.name.startswith(_CLASS)):
                    found[symbol.name, symbol.version] = symbol
                    found.setdefault((symbol.name, None), symbol)
            self._definitions[provider.member] = found
        known = self._definitions[provider.member]
        return known.get(key) or known.get((key[0], None))

    def _answer(self, wanted: Wanted, key: Key) -> Answer:
        name = key[0]
        # The last one counts: a recipe that extends another overrules it.
        for rule in reversed(self._rules.answer):
            if any(fnmatchcase(name, pattern) for pattern in rule.symbols):
                return self._by_rule(rule, name)
        family = wanted.family(key, self._cuda)
        if family is None or name.startswith("_Z"):
            return Throw(self.message(name))
        return Return(family.returns)

    def _by_rule(self, rule: AnswerRule, name: str) -> Answer:
        if rule.throws:
            return Throw(self.message(name))
        if rule.text is not None:
            return Text(rule.text)
        if rule.zeros is not None:
            return Zeros(rule.zeros)
        if rule.store is not None:
            store = rule.store
            returns = rule.returns or 0
            if store.text is not None:
                return StoreText(store.argument, store.text, returns)
            return Store(store.argument, store.value, store.size, returns)
        if rule.constructs is not None:
            vtable = rule.constructs.vtable
            return Construct(None, self._stays(vtable, None) or SymbolReference(vtable))
        assert rule.returns is not None
        return Return(rule.returns)


def _sortable(key: Key) -> tuple[str, str]:
    return key[0], key[1] or ""
