"""Findings: what a check has to say, each kind under a code that stays."""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Codes of findings. A code never changes its meaning; docs/findings.md explains each."""

    MALFORMED = "SW100"
    RECORD_DIFFERS = "SW101"
    UNLISTED = "SW102"
    TAGS_DIFFER = "SW110"
    NAME_DIFFERS = "SW111"
    ELF_DAMAGED = "SW200"
    LOAD_ALIGNMENT = "SW201"
    LOAD_ORDER = "SW202"
    LOAD_SIZE = "SW203"
    LOAD_OVERLAP = "SW204"
    PROGRAM_HEADERS = "SW205"
    DYNAMIC = "SW206"
    SECTION_OFFSET = "SW207"
    NEEDED_MISSING = "SW210"
    VERSION_MISSING = "SW211"
    RPATH_OUTSIDE = "SW220"
    EXECUTABLE_STACK = "SW230"


@dataclass(frozen=True)
class Finding:
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
        return (
            f"{self.code} {self.member}: {self.message}"
            if self.member
            else (f"{self.code} {self.message}")
        )
