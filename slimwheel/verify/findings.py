"""Findings: what a check has to say, each kind under a code that stays."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

from slimwheel.errors import UsageError


class Code(StrEnum):
    """Codes of findings. A code never changes its meaning; docs/findings.md explains each."""

    MALFORMED = "SW100"
    RECORD_DIFFERS = "SW101"
    UNLISTED = "SW102"
    ABSENT = "SW103"
    DAMAGED = "SW104"
    TWICE = "SW105"
    UNSAFE_NAME = "SW106"
    UNSHARED_KIND = "SW107"
    LOOSE_ARCHIVE = "SW108"
    TAGS_DIFFER = "SW110"
    NAME_DIFFERS = "SW111"
    METADATA_DIFFERS = "SW112"
    PURELIB = "SW113"
    ANY_PLATFORM = "SW114"
    OTHER_PYTHON = "SW115"
    ENTRY_POINT = "SW116"
    NOT_EXECUTABLE = "SW117"
    REQUIREMENT = "SW118"
    ELF_DAMAGED = "SW200"
    LOAD_ALIGNMENT = "SW201"
    LOAD_ORDER = "SW202"
    LOAD_SIZE = "SW203"
    LOAD_OVERLAP = "SW204"
    PROGRAM_HEADERS = "SW205"
    DYNAMIC = "SW206"
    SECTION_OFFSET = "SW207"
    OTHER_MACHINE = "SW208"
    NEEDED_MISSING = "SW210"
    VERSION_MISSING = "SW211"
    NEEDED_ELSEWHERE = "SW212"
    RPATH_OUTSIDE = "SW220"
    RPATH_ELSEWHERE = "SW221"
    EXECUTABLE_STACK = "SW230"
    WRITABLE_CODE = "SW231"
    TEXT_RELOCATIONS = "SW232"
    WRAPPER = "SW301"
    DEVICE_CODE = "SW302"
    MANIFEST = "SW401"
    NOT_GONE = "SW402"
    COMPANION = "SW403"

    @property
    def summary(self) -> str:
        """What it says, in a few words."""
        return _SUMMARIES[self]

    @property
    def severity(self) -> "Severity":
        """How much it matters."""
        return Severity.NOTE if self in _NOTES else Severity.ERROR


class Severity(StrEnum):
    """How much a finding matters: a note may be as it should be, and is for people to judge."""

    ERROR = "error"
    NOTE = "note"


_SUMMARIES = {
    Code.MALFORMED: "cannot be read as a wheel",
    Code.RECORD_DIFFERS: "RECORD hash differs",
    Code.UNLISTED: "file not in RECORD",
    Code.ABSENT: "file only in RECORD",
    Code.DAMAGED: "member is damaged",
    Code.TWICE: "name stands twice",
    Code.UNSAFE_NAME: "name leaves the wheel or is not normal",
    Code.UNSHARED_KIND: "member that installers do not share",
    Code.LOOSE_ARCHIVE: "archive with loose ends",
    Code.TAGS_DIFFER: "tags differ from the file name",
    Code.NAME_DIFFERS: "file or dist-info is named otherwise",
    Code.METADATA_DIFFERS: "METADATA differs from the file name",
    Code.PURELIB: "machine code in purelib",
    Code.ANY_PLATFORM: "machine code for any platform",
    Code.OTHER_PYTHON: "extension module of another Python",
    Code.ENTRY_POINT: "entry point without its module",
    Code.NOT_EXECUTABLE: "program that nobody may execute",
    Code.REQUIREMENT: "requirement is invalid",
    Code.ELF_DAMAGED: "ELF file is damaged",
    Code.LOAD_ALIGNMENT: "PT_LOAD offset not congruent",
    Code.LOAD_ORDER: "PT_LOADs do not ascend",
    Code.LOAD_SIZE: "segment larger in the file than in memory",
    Code.LOAD_OVERLAP: "PT_LOADs overlap",
    Code.PROGRAM_HEADERS: "program headers not where PT_PHDR says",
    Code.DYNAMIC: "dynamic section is not loaded",
    Code.SECTION_OFFSET: "section disagrees with its segment",
    Code.OTHER_MACHINE: "machine code of another platform",
    Code.NEEDED_MISSING: "DT_NEEDED not satisfied",
    Code.VERSION_MISSING: "version need not satisfied",
    Code.NEEDED_ELSEWHERE: "DT_NEEDED left to another distribution",
    Code.RPATH_OUTSIDE: "RUNPATH leaves the wheel",
    Code.RPATH_ELSEWHERE: "RUNPATH names what the wheel does not have",
    Code.EXECUTABLE_STACK: "executable stack",
    Code.WRITABLE_CODE: "segment both writable and executable",
    Code.TEXT_RELOCATIONS: "relocations in code",
    Code.WRAPPER: "fatbin wrapper points outside",
    Code.DEVICE_CODE: "fatbin container is damaged",
    Code.MANIFEST: "slim wheel's manifest is wrong",
    Code.NOT_GONE: "removed file is there",
    Code.COMPANION: "companion is not required",
}
_NOTES = frozenset({Code.NEEDED_ELSEWHERE, Code.RPATH_ELSEWHERE})


class Finding(NamedTuple):
    """One thing found wrong.

    Attributes:
        code: its kind.
        message: one sentence.
        member: the file of the wheel that it is about, None for the wheel as a whole.
        subject: the library, version or directory that is missed, where one is.
    """

    code: Code
    message: str
    member: str | None = None
    subject: str | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, (self.code, self.member and f"{self.member}:", self.message)))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "code": str(self.code),
            "severity": str(self.code.severity),
            "member": self.member,
            "message": self.message,
            "subject": self.subject,
        }


def chosen_codes(select: Iterable[str], ignore: Iterable[str]) -> frozenset[Code]:
    """Return the codes that a user wants to hear of.

    Args:
        select: codes or beginnings of codes (`SW2`); all codes where it is empty.
        ignore: the same, taken out of the selected ones.

    Raises:
        UsageError: no code begins so.
    """
    selected = _matching(select)
    return frozenset(selected or Code) - _matching(ignore)


def _matching(prefixes: Iterable[str]) -> frozenset[Code]:
    found: set[Code] = set()
    for prefix in prefixes:
        matches = {code for code in Code if code.startswith(prefix.upper())} if prefix else set()
        if not matches:
            raise UsageError(
                f"no finding has a code that begins with {prefix!r}",
                hint="docs/findings.md lists the codes, such as SW210, of group SW2.",
            )
        found |= matches
    return frozenset(found)
