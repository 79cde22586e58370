"""Which libraries go with CUDA, and why: the rule, applied to how a wheel's libraries are linked.

Neither following DT_NEEDED downward nor upward gives the set: libtorch_python needs CUDA's
libraries and stays, libc10_cuda needs libc10 and goes. What decides is whose symbols the libraries
that stay use, and what these symbols are about. docs/cpu-from-cuda.md states the rule for people.
"""

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from slimwheel.plan.linkage import Library, Linkage
from slimwheel.recipe import Cuda, Family
from slimwheel.recipe.patterns import Matcher


@dataclass(frozen=True)
class Verdict:
    """Whether a library goes, and why, in words.

    Attributes:
        family: of CUDA, where the library itself belongs to one.
        device_code: bytes of device code in it.
    """

    member: str
    goes: bool
    why: str
    family: str | None = None
    device_code: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON holds it."""
        return asdict(self)


def family_of(names: Iterable[str], cuda: Cuda) -> Family | None:
    """Return the family of a library by its SONAME or file name."""
    names = list(names)
    for family in cuda.family:
        if any(fnmatch.fnmatchcase(name, one) for name in names for one in family.sonames):
            return family
    return None


def family_of_symbol(symbol: str, cuda: Cuda) -> Family | None:
    """Return the first family that calls its functions so."""
    for family in cuda.family:
        if family.symbols and _any_of(family.symbols).match(symbol):
            return family
    return None


@cache
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return one expression for several patterns: symbols are many."""
    return re.compile("|".join(map(fnmatch.translate, patterns)))


def judge(
    linkage: Linkage, cuda: Cuda, version: str, unshadowable: Mapping[str, str] | None = None
) -> dict[str, Verdict]:
    """Return a verdict for every library that has to do with CUDA, by member.

    Args:
        version: upstream's.
        unshadowable: members for which nothing can stand in, and why: they stay.
    """
    return _Judgement(linkage, cuda, Matcher(cuda.kept(version)), unshadowable or {}).verdicts()


class _Judgement:
    """The rule at work. `suspects` have to do with CUDA and are not yet known to stay."""

    def __init__(
        self, linkage: Linkage, cuda: Cuda, keep: Matcher, unshadowable: Mapping[str, str]
    ) -> None:
        self._linkage = linkage
        self._cuda = cuda
        self._verdicts: dict[str, Verdict] = {}
        self._keep, self._drop = keep, Matcher(cuda.drop)
        self._unshadowable = unshadowable
        self._suspects: set[str] = set()
        self._going: set[str] = set()
        self._outside: dict[frozenset[str] | str, bool] = {}

    def verdicts(self) -> dict[str, Verdict]:
        for library in self._linkage.libraries.values():
            self._judge_alone(library)
        self._suspect()
        # What is cleared uses others in turn: ask again until nothing changes.
        while self._clear_used() or self._clear_below_mixed() or self._clear_unused():
            pass
        for member in sorted(self._suspects):
            self._convict(self._linkage.libraries[member])
        while self._needless() or self._orphan_some():
            pass
        return self._verdicts

    def _judge_alone(self, library: Library) -> None:
        """Judge by what the recipe says and by the library's own name."""
        if self._drop(library.member):
            self._set(library, goes=True, why="the recipe says that it goes")
        elif library.member in self._unshadowable:
            why = f"nothing can stand in for it: {self._unshadowable[library.member]}"
            self._set(library, goes=False, why=why)
        elif self._keep(library.member):
            if library.device_code:
                self._set(library, goes=False, why="the recipe says that it stays")
        elif family := family_of(library.names, self._cuda):
            self._set(library, goes=True, why=f"it belongs to CUDA: {family.name}")

    def _suspect(self) -> None:
        """Suspect what holds device code, and what uses what goes or is suspected."""
        libraries = [m for m in self._linkage.libraries.values() if not self._keep(m.member)]
        self._suspects = {m.member for m in libraries if m.device_code} - self._verdicts.keys()
        while True:
            more = {
                library.member
                for library in libraries
                if library.member not in self._suspects | self._verdicts.keys()
                and self._takes_of_cuda(library)
            }
            if not more:
                return
            self._suspects |= more

    def _takes_of_cuda(self, library: Library) -> bool:
        return any(True for _ in self._linkage.uses(library, self._suspects | self._going)) or any(
            self._is_outside(wish.libraries, wish.name) for wish in library.imports
        )

    def _is_outside(self, libraries: frozenset[str], symbol: str) -> bool:
        """Whether a symbol is one of CUDA's libraries that the wheel does not have."""
        # Libraries share what they import, and are asked again and again.
        key = libraries or symbol
        if key not in self._outside:
            self._outside[key] = (
                family_of(libraries, self._cuda)
                if libraries
                else family_of_symbol(symbol, self._cuda)
            ) is not None
        return self._outside[key]

    def _clear_used(self) -> bool:
        """Clear suspects of which what stays takes mostly other things; say whether any was."""
        cleared = False
        for member in sorted(self._suspects):
            taken = self._taken(member)
            if len(taken) > 2 * self._about_cuda(taken):
                self._set(self._linkage.libraries[member], goes=False, why=self._counts(taken))
                cleared = True
        return cleared

    def _clear_below_mixed(self) -> bool:
        """Clear what has no device code and a library that stays with its CUDA code is built on.

        The CUDA code in that library is whole: it registers itself with what it is built on when
        it is loaded, which no stand-in could bear.
        """
        mixed = [m for m in self._linkage.libraries.values() if m.device_code and self._stays(m)]
        cleared = False
        for member in sorted(self._suspects):
            library = self._linkage.libraries[member]
            users = [m for m in mixed if any(True for _ in self._linkage.uses(m, {member}))]
            if users and not library.device_code:
                why = f"{users[0].file} is built on it, which holds CPU and CUDA code together"
                self._set(library, goes=False, why=why)
                cleared = True
        return cleared

    def _stays(self, library: Library) -> bool:
        return library.member not in self._suspects | self._going

    def _clear_unused(self) -> bool:
        """Clear one that Python or a program loads by itself, without device code; say whether."""
        for member in sorted(self._suspects):
            library = self._linkage.libraries[member]
            needers = {needer.member for needer in self._linkage.needers(library)}
            only_cuda_needs_it = needers and needers <= self._suspects | self._going
            if library.device_code or only_cuda_needs_it or self._taken(member):
                continue
            if self._uses_more_than_cuda(library):
                why = "it holds no device code, and uses more than CUDA's libraries"
                self._set(library, goes=False, why=why)
                return True
        return False

    def _taken(self, member: str) -> set[str]:
        """Return the symbols that what stays uses of a suspect and has nowhere else."""
        doubtful = self._suspects | self._going
        return {
            wish.name
            for user in self._linkage.libraries.values()
            if user.member not in doubtful
            for wish, provider in self._linkage.uses(user, doubtful)
            if provider.member == member
        }

    def _about_cuda(self, symbols: set[str]) -> int:
        return sum(any(word in symbol for word in self._cuda.words) for symbol in symbols)

    def _counts(self, taken: set[str]) -> str:
        count = self._about_cuda(taken)
        return f"{count:,} of the {len(taken):,} symbols that others use of it are CUDA's by name"

    def _convict(self, library: Library) -> None:
        """Say why a suspect goes that nothing cleared."""
        taken = self._taken(library.member)
        code = f"it holds {library.device_code / 1e6:.1f} MB of device code"
        if taken:
            first = code if library.device_code else "it uses what goes"
            why = f"{first}; {self._counts(taken)}"
        elif library.device_code:
            why = f"{code}, and what stays uses nothing of it"
        else:
            why = "what it uses beyond the C and C++ runtime is CUDA's and goes"
        self._set(library, goes=True, why=why)

    def _uses_more_than_cuda(self, library: Library) -> bool:
        """Whether it uses a library that has no device code and is not known to go."""
        return any(
            provider.member not in self._going and not provider.device_code
            for wish in library.imports
            for provider in self._linkage.providers(library, wish)
        )

    def _needless(self) -> bool:
        """Let go of libraries that need CUDA's libraries only; say whether there were any."""
        why = "all that it needs beyond the C and C++ runtime is CUDA's and goes"
        found = False
        for library in self._unjudged():
            beyond = [name for name in library.needed if not self._is_runtime(name)]
            if not library.is_shell and beyond and all(self._is_gone(name) for name in beyond):
                self._set(library, goes=True, why=why)
                found = True
        return found

    def _unjudged(self) -> list[Library]:
        """Return libraries of which nothing is known to matter: what stays uses none of theirs."""
        return [
            library
            for library in self._linkage.libraries.values()
            if library.member not in self._verdicts
            and not self._keep(library.member)
            and not self._is_used(library)
        ]

    def _is_used(self, library: Library) -> bool:
        return any(
            self._linkage.is_asked(user, library)
            for user in self._linkage.libraries.values()
            if user.member not in self._going and user is not library
        )

    def _is_runtime(self, name: str) -> bool:
        return not self._linkage.named(name) and family_of([name], self._cuda) is None

    def _is_gone(self, name: str) -> bool:
        found = self._linkage.named(name)
        return all(library.member in self._going for library in found)

    def _orphan_some(self) -> bool:
        """Let go of libraries that only those needed that go; say whether there were any."""
        found = False
        for library in self._unjudged():
            needers = self._linkage.needers(library)
            if needers and all(needer.member in self._going for needer in needers):
                self._set(library, goes=True, why="only libraries that go need it")
                found = True
        return found

    def _set(self, library: Library, *, goes: bool, why: str) -> None:
        self._suspects.discard(library.member)
        if goes:
            self._going.add(library.member)
        family = family_of(library.names, self._cuda)
        self._verdicts[library.member] = Verdict(
            library.member, goes, why, family.name if family else None, library.device_code
        )
