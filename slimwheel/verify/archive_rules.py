"""What a wheel's archive may be: what installers and indexes read alike, whoever wrote it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from slimwheel.verify.findings import Code, Finding
from slimwheel.wheelfile.directory import Member
from slimwheel.wheelfile.members import MemberFault, member_problems

_CODES = {
    MemberFault.NAME: Code.UNSAFE_NAME,
    MemberFault.TWICE: Code.TWICE,
    MemberFault.KIND: Code.UNSHARED_KIND,
}
_END_SIGNATURE = b"PK\x05\x06"
_END_SIZE = 22
_SIZES_BEHIND = 0x8


def check_archive(path: Path, entries: Sequence[Member]) -> Iterator[Finding]:
    """Yield what is wrong with an archive's directory and its ends.

    The archive's members are not read.

    Args:
        entries: its directory.
    """
    for fault, message, name in member_problems(entries):
        yield Finding(_CODES[fault], message, name)
    with path.open("rb") as stream:
        first = stream.read(2)
        stream.seek(-_END_SIZE, 2)
        end = stream.read(_END_SIZE)
    if end[:4] != _END_SIGNATURE or end[-2:] != b"\0\0":
        message = "has a comment, or bytes behind its end, which indexes and installers refuse"
        yield Finding(Code.LOOSE_ARCHIVE, message)
    if first != b"PK" or min((entry.header_offset for entry in entries), default=0) != 0:
        yield Finding(Code.LOOSE_ARCHIVE, "has bytes before its first member")
    loose = [entry.name for entry in entries if entry.flags & _SIZES_BEHIND]
    if loose:
        message = (
            f"{len(loose)} members have their sizes behind the data, which PyPI refuses: "
            f"{loose[0]}{' and others' if loose[1:] else ''}"
        )
        yield Finding(Code.LOOSE_ARCHIVE, message)
