"""What can be said of a wheel without running it: what installers do not check and loaders demand.

Every member is read and held against CRC and RECORD. ELF files are unpacked one at a time to a
scratch directory, for their headers stand at both ends.
"""

import mmap
import tempfile
from collections.abc import Iterator
from pathlib import Path

from slimwheel.elf import ElfFile, LayoutKind, check_layout, is_elf
from slimwheel.errors import ElfError, WheelError
from slimwheel.verify.findings import Code, Finding
from slimwheel.verify.platform_policy import PlatformPolicy
from slimwheel.wheelfile.names import WheelName, expand_tag
from slimwheel.wheelfile.places import Places
from slimwheel.wheelfile.wheel import RecordMismatch, Wheel

_LAYOUT_CODES = {
    LayoutKind.LOAD_ALIGNMENT: Code.LOAD_ALIGNMENT,
    LayoutKind.LOAD_ORDER: Code.LOAD_ORDER,
    LayoutKind.LOAD_SIZE: Code.LOAD_SIZE,
    LayoutKind.LOAD_OVERLAP: Code.LOAD_OVERLAP,
    LayoutKind.PROGRAM_HEADERS: Code.PROGRAM_HEADERS,
    LayoutKind.DYNAMIC: Code.DYNAMIC,
    LayoutKind.SECTION_OFFSET: Code.SECTION_OFFSET,
    LayoutKind.EXECUTABLE_STACK: Code.EXECUTABLE_STACK,
}


def check_wheel(path: Path, scratch: Path | None = None) -> list[Finding]:
    """Check a wheel, slim or not.

    Args:
        path: the wheel.
        scratch: where ELF files are unpacked, one at a time; the system's place without it.

    Returns:
        What was found, sorted by member. A wheel that cannot be read is one finding.
    """
    try:
        with Wheel.open(path) as wheel, tempfile.TemporaryDirectory(dir=scratch) as directory:
            findings = [*_check_names(wheel), *_check_members(wheel, Path(directory))]
    except WheelError as error:
        place = f"{error.place}: " if error.place else ""
        return [Finding(Code.MALFORMED, place + error.message)]
    return sorted(findings, key=lambda finding: (finding.member or "", finding.code))


def _check_names(wheel: Wheel) -> Iterator[Finding]:
    if WheelName.parse(wheel.archive.path.name) is None:
        yield Finding(Code.NAME_DIFFERS, f"{wheel.archive.path.name} is no legal wheel name")
    stated, named = set(wheel.wheel.get_all("Tag")), set(expand_tag(wheel.name.tag))
    if stated != named:
        both = f"WHEEL has the tags {', '.join(sorted(stated))}, the file name {wheel.name.tag}"
        yield Finding(Code.TAGS_DIFFER, both)
    directory = f"{wheel.name.distribution}-{wheel.name.version}.dist-info"
    if wheel.dist_info != directory:
        message = f"the dist-info directory is {wheel.dist_info}, not {directory}"
        yield Finding(Code.NAME_DIFFERS, message)


def _check_members(wheel: Wheel, scratch: Path) -> Iterator[Finding]:
    for name in wheel.unlisted():
        yield Finding(Code.UNLISTED, "is not in RECORD", name)
    policy = PlatformPolicy.of(wheel.name.platforms)
    places = Places(wheel.members)
    provided = _Provided()
    needs: list[tuple[str, dict[str, frozenset[str]], tuple[str, ...]]] = []
    for member in wheel.members.values():
        path = scratch / "member"
        try:
            if not is_elf(wheel.archive.head(member, 4)):
                for _ in wheel.chunks(member):
                    pass
                continue
            with path.open("wb") as out:
                for chunk in wheel.chunks(member):
                    out.write(chunk)
        except RecordMismatch as error:
            # Written to its end all the same: the rest can be checked.
            yield Finding(Code.RECORD_DIFFERS, error.message, member.name)
            if not path.exists():
                continue
        with path.open("rb") as stream:
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        # The map keeps the bytes; the next file must not be written over them.
        path.unlink()
        try:
            elf = ElfFile.parse(mapped, member.name)
            yield from _check_elf(elf, member.name, places)
            provided.add(member.name, elf)
            versions = {name: frozenset(v) for name, v in elf.version_needs.items()}
            needs.append((member.name, versions, elf.needed))
        except ElfError as error:
            yield Finding(Code.ELF_DAMAGED, error.message, member.name)
    for member_name, versions, needed in needs:
        yield from _check_needs(member_name, versions, needed, provided, policy)


def _check_elf(elf: ElfFile, member: str, places: Places) -> Iterator[Finding]:
    for problem in check_layout(elf):
        yield Finding(_LAYOUT_CODES[problem.kind], problem.message, member)
    path = elf.rpath if elf.rpath is not None else elf.runpath
    for entry in (path or "").split(":"):
        if path is not None and places.resolve(entry, member) is None:
            message = f"{entry or 'an empty entry'} in its RPATH leads outside the wheel"
            yield Finding(Code.RPATH_OUTSIDE, message, member, subject=entry)


class _Provided:
    """The libraries of a wheel with the versions that they define, by SONAME and file name."""

    def __init__(self) -> None:
        self._versions: dict[str, frozenset[str]] = {}

    def add(self, member: str, elf: ElfFile) -> None:
        versions = frozenset(elf.version_definitions)
        for name in {elf.soname, member.rpartition("/")[2]} - {None}:
            assert name is not None
            self._versions[name] = versions

    def versions(self, library: str) -> frozenset[str] | None:
        """Return the versions that a library of the wheel defines, None where it has none such."""
        return self._versions.get(library)


def _check_needs(
    member: str,
    versions: dict[str, frozenset[str]],
    needed: tuple[str, ...],
    provided: _Provided,
    policy: PlatformPolicy,
) -> Iterator[Finding]:
    for library in needed:
        if provided.versions(library) is None and not policy.has_library(library):
            message = f"needs {library}, which neither the wheel nor {policy.name} provides"
            yield Finding(Code.NEEDED_MISSING, message, member, subject=library)
    for library, wanted in versions.items():
        defined = provided.versions(library)
        for version in sorted(wanted):
            if defined is not None and version not in defined:
                message = f"needs version {version}, which the wheel's {library} lacks"
                yield Finding(Code.VERSION_MISSING, message, member, subject=library)
            elif (
                defined is None and policy.has_library(library) and not policy.has_version(version)
            ):
                message = f"needs version {version} of {library}, which is newer than {policy.name}"
                yield Finding(Code.VERSION_MISSING, message, member, subject=version)
