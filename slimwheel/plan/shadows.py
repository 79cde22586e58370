"""What shadow libraries must hold so that everything that stays still finds its symbols."""

import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from slimwheel.errors import ElfError
from slimwheel.plan.linkage import Import, Library, Linkage
from slimwheel.plan.verdicts import Verdict, family_of, family_of_symbol
from slimwheel.recipe import Cuda, Export, Family, Recipe
from slimwheel.wheelfile.places import Places

_DAMAGED = "Download the wheel again; if it stays so, ask whoever built it for a valid one."

Key = tuple[str, str | None]
"""A symbol's name and version."""


@dataclass
class Wanted:
    """A library that others need by a name and that goes: what its shadow must offer.

    Attributes:
        name: the shadow's file name: as DT_NEEDED has it, or a name of the wheel's own.
        member: where the shadow stands in the wheel.
        original: the removed library, None where the wheel never had it, or it is one of several.
        asked: by member that needs it, the names that it has for it, in order.
        symbols: what it must define; the removed library that defines it, where the wheel has one.
        versions: symbol versions that it must define.
    """

    name: str
    member: str
    original: Library | None
    asked: dict[str, list[str]] = field(default_factory=dict)
    symbols: dict[Key, Library | None] = field(default_factory=dict)
    versions: set[str] = field(default_factory=set)

    @property
    def users(self) -> list[str]:
        """Members that need it, in order."""
        return list(self.asked)

    @property
    def soname(self) -> str:
        """What the shadow calls itself: as the original, for the loader looks for that, too."""
        return self.original.soname or self.name if self.original else self.name

    def family(self, key: Key, cuda: Cuda) -> Family | None:
        """Return the family of CUDA that a symbol is of; None for the wheel's own libraries."""
        provider = self.symbols[key]
        if provider is not None:
            return family_of(provider.names, cuda)
        return family_of_symbol(key[0], cuda) or family_of(
            (name for names in self.asked.values() for name in names), cuda
        )


def wanted_shadows(
    linkage: Linkage,
    verdicts: Mapping[str, Verdict],
    recipe: Recipe,
    rpaths: Mapping[str, str],
) -> list[Wanted]:
    """Return the shadow libraries that a wheel needs, sorted by member.

    Args:
        rpaths: by member, where a library's own needs are looked for.
    """
    return _Wishes(linkage, verdicts, recipe, rpaths).collect()


class _Wishes:
    def __init__(
        self,
        linkage: Linkage,
        verdicts: Mapping[str, Verdict],
        recipe: Recipe,
        rpaths: Mapping[str, str],
    ) -> None:
        assert recipe.cuda is not None
        assert recipe.shadow is not None
        self._linkage = linkage
        self._cuda = recipe.cuda
        self._library = recipe.shadow.library
        # Nobody else can ask for what bears a name of the wheel's own.
        self._exports = () if recipe.shadow.library else recipe.shadow.export
        self._rpaths = rpaths
        self._places = Places(linkage.libraries)
        self._going = {member for member, verdict in verdicts.items() if verdict.goes}
        self._shadows: dict[str, Wanted] = {}

    def collect(self) -> list[Wanted]:
        staying = [m for m in self._linkage.libraries.values() if m.member not in self._going]
        for user in staying:
            # A version need asks for a library as well: the loader looks for it by that name.
            for name in dict.fromkeys((*user.needed, *user.version_needs)):
                self._want(user, name)
        for user in staying:
            candidates = self._candidates(user)
            for wish, provider in self._missing(user):
                if shadow := self._shadow_for(wish, provider, candidates):
                    shadow.symbols.setdefault((wish.name, wish.version), provider)
            for name, versions in user.version_needs.items():
                if name in self._shadows:
                    self._shadows[name].versions.update(versions)
        self._unite()
        for shadow in self._shadows.values():
            for export in self._exports:
                if fnmatchcase(shadow.name, export.library):
                    self._add_exports(shadow, export)
        by_member = {shadow.member: shadow for shadow in self._shadows.values()}
        return [by_member[member] for member in sorted(by_member)]

    def _want(self, user: Library, name: str) -> None:
        """Note that a library that stays needs another by name, if that one goes."""
        found = self._linkage.named(name)
        if any(library.member not in self._going for library in found):
            return
        if not found and family_of([name], self._cuda) is None:
            return
        if not name.isprintable() or "/" in name:
            raise ElfError(
                f"needs {name!r}, which is no name of a library", file=user.member, hint=_DAMAGED
            )
        if name not in self._shadows:
            self._shadows[name] = self._shadow(user, name, found)
        self._shadows[name].asked.setdefault(user.member, []).append(name)

    def _shadow(self, user: Library, name: str, found: Sequence[Library]) -> Wanted:
        if self._library:
            member = posixpath.join(self._usual_directory(user), self._library)
            return next(iter(self._shadows.values()), Wanted(self._library, member, None))
        original = found[0] if found else None
        here = [library.member for library in found if library.file == name]
        member = here[0] if here else posixpath.join(self._directory(user, original), name)
        return Wanted(name, member, original)

    def _usual_directory(self, user: Library) -> str:
        """Return where most libraries are that others need; beside the user if there are none."""
        needed = {name for library in self._linkage.libraries.values() for name in library.needed}
        libraries = (found for name in sorted(needed) for found in self._linkage.named(name))
        counts = Counter(posixpath.dirname(library.member) for library in libraries)
        usual = counts.most_common(1)
        return usual[0][0] if usual else posixpath.dirname(user.member)

    def _directory(self, user: Library, original: Library | None) -> str:
        """Return where a shadow goes that stands for no file of this name."""
        if original is not None:
            return posixpath.dirname(original.member)
        entries = self._rpaths.get(user.member, "").split(":")
        places = (self._places.resolve(entry, user.member) for entry in entries)
        inside = [place for place in places if place is not None]
        # Where its other libraries are; beside it only where it has none.
        own = posixpath.dirname(user.member)
        return max(inside, key=lambda place: place != own, default=own)

    def _unite(self) -> None:
        """Give shadows of one library under several names the same symbols and versions.

        The loader takes the first one that is loaded for all, for they have one SONAME.
        """
        known: dict[str, Wanted] = {}
        for shadow in self._shadows.values():
            if shadow.original:
                first = known.setdefault(shadow.original.member, shadow)
                first.symbols.update(shadow.symbols)
                first.versions.update(shadow.versions)
                shadow.symbols, shadow.versions = first.symbols, first.versions

    def _candidates(self, user: Library) -> list[str]:
        """Return the shadows in which a library's symbols may stand: those that it needs itself,
        or else those that what it needs needs.
        """
        own = [n for n in (*user.needed, *user.version_needs) if n in self._shadows]
        return own or sorted(self._linkage.closure(user) & self._shadows.keys())

    def _missing(self, user: Library) -> Iterator[tuple[Import, Library | None]]:
        """Yield the symbols that a library has nowhere else, and the library that had them."""
        for wish in user.imports:
            found = self._linkage.providers(user, wish)
            if found:
                if all(provider.member in self._going for provider in found):
                    yield wish, found[0]
            elif wish.libraries:
                if family_of(wish.libraries, self._cuda):
                    yield wish, None
            elif not wish.weak and family_of_symbol(wish.name, self._cuda):
                yield wish, None

    def _shadow_for(
        self, wish: Import, provider: Library | None, candidates: Sequence[str]
    ) -> Wanted | None:
        """Return where a symbol stands: in the shadow of the library that had it, if that one is
        needed, or else in that of one that needed it.
        """
        if not candidates:
            return None
        names = provider.names if provider else wish.libraries
        for name in candidates:
            if name in names:
                return self._shadows[name]
        for name in candidates:
            original = self._shadows[name].original
            if original and names & self._linkage.closure(original):
                return self._shadows[name]
        family = family_of_symbol(wish.name, self._cuda)
        for name in candidates:
            if family and family_of([name], self._cuda) == family:
                return self._shadows[name]
        # Nothing that it needs had the symbol: it is bound when it is called, to whatever the
        # process has loaded by then. Here a library of the wheel's own stands for that.
        own = [name for name in candidates if not family_of([name], self._cuda)]
        return self._shadows[(own or candidates)[0]]

    def _add_exports(self, shadow: Wanted, export: Export) -> None:
        """Add what the recipe wants a shadow to offer beyond what the wheel asks for."""
        original = shadow.original
        if original:
            for symbol, version in original.exports.items():
                if _matches(symbol, export.defined) and not self._is_elsewhere(symbol):
                    shadow.symbols.setdefault((symbol, version), original)
        names = original.names if original else {shadow.name}
        for user in self._linkage.libraries.values():
            for wish in user.imports:
                if wish.libraries & names and _matches(wish.name, export.used):
                    shadow.symbols.setdefault((wish.name, wish.version), original)
        counts = Counter(version for _, version in shadow.symbols)
        usual = counts.most_common(1)[0][0] if counts else None
        for name in export.functions:
            if not any(symbol == name for symbol, _ in shadow.symbols):
                shadow.symbols[name, usual] = None

    def _is_elsewhere(self, symbol: str) -> bool:
        """Whether a library that stays defines a symbol too: a stand-in must not come before it."""
        libraries = self._linkage.libraries.values()
        return any(symbol in m.exports for m in libraries if m.member not in self._going)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def by_family(wanted: Wanted, cuda: Cuda) -> dict[str, int]:
    """Count a shadow's symbols by family of CUDA, or by the library of the wheel that had them."""
    counts: Counter[str] = Counter()
    for key, provider in wanted.symbols.items():
        family = wanted.family(key, cuda)
        counts[family.name if family else provider.file if provider else wanted.name] += 1
    return dict(sorted(counts.items()))
