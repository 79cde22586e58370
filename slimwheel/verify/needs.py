"""What libraries need of each other: found in the wheel, promised by its platform, or missing."""

from collections.abc import Iterator
from typing import NamedTuple

from slimwheel.elf import ElfFile
from slimwheel.verify.findings import Code, Finding
from slimwheel.verify.platform_policy import PlatformPolicy
from slimwheel.wheelfile.places import Places


class _Need(NamedTuple):
    """What one file needs; `elsewhere` are directories of other distributions on its RPATH."""

    member: str
    libraries: tuple[str, ...]
    versions: dict[str, frozenset[str]]
    elsewhere: tuple[str, ...]


class Needs:
    """Collects what the files of a wheel need and provide; judged when all have been seen."""

    def __init__(self, policy: PlatformPolicy, places: Places) -> None:
        self._policy = policy
        self._places = places
        self._provided: dict[str, frozenset[str]] = {}
        self._needs: list[_Need] = []

    def add(self, member: str, elf: ElfFile) -> Iterator[Finding]:
        """Take a file in; yield what its search path alone shows.

        Raises:
            ElfError: the file is damaged.
        """
        defined = frozenset(elf.version_definitions)
        for name in {elf.soname or member, member.rpartition("/")[2]}:
            self._provided[name] = defined
        versions = {name: frozenset(v) for name, v in elf.version_needs.items()}
        elsewhere = []
        path = elf.rpath if elf.rpath is not None else elf.runpath
        for entry in (path or "").split(":") if path is not None else ():
            if self._places.resolve(entry, member) is not None:
                continue
            if directory := self._places.beside(entry, member):
                elsewhere.append(directory)
                message = f"{entry} in its RPATH is {directory}, which the wheel does not have"
                yield Finding(Code.RPATH_ELSEWHERE, message, member, subject=entry)
            else:
                message = f"{entry or 'an empty entry'} in its RPATH leads outside the wheel"
                yield Finding(Code.RPATH_OUTSIDE, message, member, subject=entry)
        self._needs.append(_Need(member, elf.needed, versions, tuple(elsewhere)))

    def unmet(self) -> Iterator[Finding]:
        """Yield the libraries and versions that neither the wheel nor its platform has."""
        for need in self._needs:
            yield from self._missing_libraries(need)
            yield from self._missing_versions(need)

    def _missing_libraries(self, need: _Need) -> Iterator[Finding]:
        for library in need.libraries:
            if library in self._provided or self._policy.has_library(library):
                continue
            if need.elsewhere:
                message = f"needs {library}, which another distribution may have in "
                message += ", ".join(need.elsewhere)
                yield Finding(Code.NEEDED_ELSEWHERE, message, need.member, subject=library)
            else:
                message = (
                    f"needs {library}, which neither the wheel nor {self._policy.name} provides"
                )
                yield Finding(Code.NEEDED_MISSING, message, need.member, subject=library)

    def _missing_versions(self, need: _Need) -> Iterator[Finding]:
        for library, wanted in need.versions.items():
            defined = self._provided.get(library)
            for version in sorted(wanted):
                if defined is not None:
                    if version not in defined:
                        message = f"needs version {version}, which the wheel's {library} lacks"
                        yield Finding(Code.VERSION_MISSING, message, need.member, subject=library)
                elif self._policy.has_library(library) and not self._policy.has_version(version):
                    message = (
                        f"needs version {version} of {library}, newer than {self._policy.name}"
                    )
                    yield Finding(Code.VERSION_MISSING, message, need.member, subject=version)
