"""What can be said of a wheel without running it: what installers do not check and loaders demand.

Every member is read and held against CRC and RECORD. ELF files are unpacked one at a time to a
scratch directory, for their headers stand at both ends. Of a wheel that has just been written the
members' bytes were inflated on their way into it: there it is enough that the file has these bytes.
"""

import mmap
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slimwheel.cuda import has_device_code, read_containers, read_images
from slimwheel.cuda.wrappers import astray
from slimwheel.elf import ElfFile, LayoutKind, check_layout, is_elf
from slimwheel.errors import ElfError, WheelError
from slimwheel.verify.archive_rules import check_archive
from slimwheel.verify.dist_info_rules import check_dist_info, check_program
from slimwheel.verify.findings import Code, Finding
from slimwheel.verify.needs import Needs
from slimwheel.verify.platform_policy import PlatformPolicy
from slimwheel.verify.slim_rules import check_slim
from slimwheel.wheelfile.archive import read_directory
from slimwheel.wheelfile.directory import Member
from slimwheel.wheelfile.passage import Proof, RecordMismatch
from slimwheel.wheelfile.places import Places
from slimwheel.wheelfile.wheel import Wheel

_LAYOUT_CODES = {
    LayoutKind.LOAD_ALIGNMENT: Code.LOAD_ALIGNMENT,
    LayoutKind.LOAD_ORDER: Code.LOAD_ORDER,
    LayoutKind.LOAD_SIZE: Code.LOAD_SIZE,
    LayoutKind.LOAD_OVERLAP: Code.LOAD_OVERLAP,
    LayoutKind.PROGRAM_HEADERS: Code.PROGRAM_HEADERS,
    LayoutKind.DYNAMIC: Code.DYNAMIC,
    LayoutKind.SECTION_OFFSET: Code.SECTION_OFFSET,
    LayoutKind.EXECUTABLE_STACK: Code.EXECUTABLE_STACK,
    LayoutKind.WRITABLE_CODE: Code.WRITABLE_CODE,
    LayoutKind.TEXT_RELOCATIONS: Code.TEXT_RELOCATIONS,
}


@dataclass(frozen=True)
class Known:
    """What is known of a wheel's members by who wrote it.

    Attributes:
        proofs: what their bytes were found to be, by name.
        unpacked: files with the content of ELF members that have a proof, by name.
    """

    proofs: Mapping[str, Proof] = field(default_factory=dict)
    unpacked: Mapping[str, Path] = field(default_factory=dict)


_NOTHING = Known()


def check_wheel(path: Path, scratch: Path | None = None, known: Known = _NOTHING) -> list[Finding]:
    """Check a wheel, slim or not.

    Args:
        path: the wheel.
        scratch: where ELF files are unpacked, one at a time; the system's place without it.
        known: spares inflating members whose bytes in the file are those that it is about, and
            of which directory and RECORD say what it says.

    Returns:
        What was found, sorted by member. A file that cannot be read as a wheel has what keeps it
        from that, and no more.
    """
    findings: list[Finding] = []
    try:
        directory = read_directory(path)
        findings += check_archive(path, directory)
        with (
            Wheel.open(path, strict=False, directory=directory) as wheel,
            tempfile.TemporaryDirectory(dir=scratch) as unpacked,
        ):
            findings += [*check_dist_info(wheel), *check_slim(wheel)]
            findings += _check_members(wheel, Path(unpacked) / "member", known)
    except WheelError as error:
        # The directory's faults are told already, each with its code.
        if not findings:
            place = f"{error.place}: " if error.place else ""
            findings.append(Finding(Code.MALFORMED, place + error.message))
    return sorted(findings, key=lambda finding: (finding.member or "", finding.code))


def _check_members(wheel: Wheel, scratch: Path, known: Known) -> Iterator[Finding]:
    needs = Needs(PlatformPolicy.of(wheel.name.platforms), Places(wheel.members))
    for member in wheel.members.values():
        unpacked = scratch
        try:
            if _holds(wheel, member, known.proofs.get(member.name)):
                if not is_elf(known.proofs[member.name].head):
                    continue
                unpacked = known.unpacked.get(member.name, scratch)
            if unpacked is scratch:
                yield from _unpack(wheel, member, scratch)
        except WheelError as error:
            yield Finding(Code.DAMAGED, error.message, member.name)
            scratch.unlink(missing_ok=True)
        if not unpacked.exists():
            continue
        with unpacked.open("rb") as stream:
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        # The map keeps the bytes; the next file must not be written over them.
        unpacked.unlink()
        try:
            elf = ElfFile.parse(mapped, member.name)
            yield from check_program(wheel, member, elf)
            for problem in check_layout(elf):
                yield Finding(_LAYOUT_CODES[problem.kind], problem.message, member.name)
            yield from needs.add(member.name, elf)
        except ElfError as error:
            yield Finding(Code.ELF_DAMAGED, error.message, member.name)
        else:
            yield from _check_device_code(elf, member)
    yield from needs.unmet()


def _holds(wheel: Wheel, member: Member, proof: Proof | None) -> bool:
    """Tell whether directory, RECORD and the file itself have what a proof is about.

    Raises:
        WheelError: the member's bytes cannot be had.
    """
    entry = wheel.record.get(member.name)
    return (
        proof is not None
        and entry is not None
        and (entry.algorithm, entry.digest) == ("sha256", proof.sha256)
        and entry.size in (None, proof.size)
        and (member.size, member.crc) == (proof.size, proof.crc)
        and member.compressed_size == proof.packed_size
        and wheel.archive.packed_crc(member) == proof.packed_crc
    )


def _unpack(wheel: Wheel, member: Member, scratch: Path) -> Iterator[Finding]:
    """Read a member to its end; an ELF file is at `scratch` then, be its hash right or not.

    Raises:
        WheelError: its bytes cannot be had.
    """
    try:
        chunks = wheel.chunks(member)
        first = next(chunks, b"")
        if not is_elf(first):
            for _ in chunks:
                pass
            return
        with scratch.open("wb") as out:
            out.write(first)
            for chunk in chunks:
                out.write(chunk)
    except RecordMismatch as error:
        yield Finding(Code.RECORD_DIFFERS, error.message, member.name)


def _check_device_code(elf: ElfFile, member: Member) -> Iterator[Finding]:
    if not has_device_code(elf):
        return
    try:
        containers = read_containers(elf)
        for container in containers:
            read_images(elf, container)
    except ElfError as error:
        yield Finding(Code.DEVICE_CODE, error.message, member.name)
        return
    try:
        for address, pointer in astray(elf, containers):
            message = f"the wrapper at {address:#x} points at {pointer:#x}, where no container is"
            yield Finding(Code.WRAPPER, message, member.name)
    except ElfError as error:
        yield Finding(Code.WRAPPER, error.message, member.name)
