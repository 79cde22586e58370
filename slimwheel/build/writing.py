"""Carrying out a plan: one pass over the members, in the order in which they are written.

Kept members are copied compressed and checked on the way. ELF files that change are compressed to
the scratch directory by threads while the rest is copied: spliced of upstream's blocks, or anew.
libdeflate, inflating and the hashes release the interpreter's lock.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from slimwheel.build.additions import Provenance, dist_info_of, slim_member
from slimwheel.build.compression import Compression
from slimwheel.build.stretches import Stretches
from slimwheel.build.workspace import unfinished
from slimwheel.elf import Edits, Keep
from slimwheel.errors import CheckFailed
from slimwheel.plan import Decision, ElfRewrite, Facts, Plan
from slimwheel.verify.static import Known
from slimwheel.wheelfile.archive import CHUNK
from slimwheel.wheelfile.deflate import BEST_LEVEL, LEVEL
from slimwheel.wheelfile.splicing import BlockIndex, Kept, Piece, Spliced, splice
from slimwheel.wheelfile.writer import WheelWriter, member_order

# Libraries at a time: each takes some ten megabytes while it is compressed.
_WORKERS = 2


class _Packed(NamedTuple):
    """A library: its deflate stream, what that gives, and its content in the scratch directory."""

    stream: Stretches
    spliced: Spliced
    unpacked: Path


@dataclass(frozen=True)
class WrittenWheel:
    """A finished wheel. Sizes in bytes; `sha256` in hex; `known` is for the check of it."""

    path: Path
    filename: str
    size: int
    installed_size: int
    sha256: str
    known: Known = field(default_factory=Known, repr=False)

    def at(self, directory: Path) -> "WrittenWheel":
        """Return it as it is after it was moved."""
        return replace(self, path=directory / self.filename, known=Known())

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "download": self.size,
            "installed": self.installed_size,
        }


def write_slim(
    plan: Plan,
    source: Provenance,
    facts: Facts,
    scratch: Path,
    advance: Callable[[int], None],
    compression: Compression = Compression.FAST,
) -> WrittenWheel:
    """Write the slim wheel into the scratch directory.

    Args:
        compression: how libraries that change are compressed.
        advance: called with the installed bytes that were dealt with.

    Raises:
        WheelError: a member does not have the CRC or hash that upstream states.
    """
    filename = source.names.slim.filename
    record = f"{source.wheel.dist_info}/RECORD"
    unpacked: dict[str, Path] = {}
    with contextlib.ExitStack() as held:
        # Leaving waits for running threads, which use the mapped scratch files.
        windows = held.enter_context(_threads(os.cpu_count() or 1, "compress"))
        pool = held.enter_context(_threads(_WORKERS, "splice"))
        # Where a build ends early, libraries end with the window that they are at.
        held.callback(windows.shutdown, wait=False, cancel_futures=True)
        pending = {
            member: pool.submit(_packed_elf, rewrite, facts, member, scratch, compression, windows)
            for member, rewrite in sorted(
                plan.elf.items(), key=lambda item: item[1].edits.size, reverse=True
            )
        }
        with unfinished(scratch / filename) as stream:
            writer = WheelWriter(stream, source.timestamp)
            for decision in sorted(
                plan.shipped, key=lambda d: member_order(slim_member(d.member, source))
            ):
                if decision.member != record:
                    _write_member(writer, decision, plan, source, pending, unpacked)
                    advance(decision.before)
            writer.finish(f"{dist_info_of(source.names)}/RECORD")
    return WrittenWheel(
        scratch / filename,
        filename,
        writer.size,
        writer.installed_size,
        writer.sha256,
        Known(writer.proofs, unpacked),
    )


def _write_member(
    writer: WheelWriter,
    decision: Decision,
    plan: Plan,
    source: Provenance,
    pending: dict[str, Future[_Packed]],
    unpacked: dict[str, Path],
) -> None:
    member = decision.member
    upstream = source.wheel.members.get(member)
    name = slim_member(member, source)
    executable = upstream is not None and upstream.executable
    if member in pending:
        packed = pending.pop(member).result()
        try:
            writer.add_spliced(name, packed.stream.windows(), packed.spliced, executable=executable)
        except CheckFailed as error:
            # What is upstream's in it was read again.
            source.wheel.archive.check_unchanged()
            raise CheckFailed(
                error.message, file=source.names.slim.filename, place=error.place
            ) from error
        packed.stream.remove()
        unpacked[name] = packed.unpacked
    elif upstream is None or member in plan.contents:
        sha256 = hashlib.sha256(plan.contents[member]).digest()
        writer.add_compressed(name, plan.packed[member], sha256, executable=executable)
    else:
        writer.copy(source.wheel, upstream, name)


@contextlib.contextmanager
def _threads(count: int, name: str) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(count, thread_name_prefix=name)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _packed_elf(
    rewrite: ElfRewrite,
    facts: Facts,
    member: str,
    scratch: Path,
    compression: Compression,
    pool: Executor,
) -> _Packed:
    """Compress an ELF file as its edits make it."""
    found = facts.elf(member)
    wheel = facts.wheel
    is_fast = compression is Compression.FAST
    read = wheel.archive.raw_reader(wheel.members[member])
    content = memoryview(found.mapped)
    try:
        path = scratch / f"{found.path.name}.deflate"
        with contextlib.closing(Stretches(path, read)) as stream:
            spliced = splice(
                found.blocks if is_fast else BlockIndex.none(len(content)),
                content,
                read,
                _pieces(rewrite.edits),
                stream.write,
                keep=stream.keep,
                level=LEVEL if is_fast else BEST_LEVEL,
                pool=pool,
            )
    except CheckFailed as error:
        wheel.archive.check_unchanged()
        raise CheckFailed(error.message, file=wheel.file, place=member) from error
    content.release()
    unpacked = facts.hand_over(member)
    rewrite.edits.carry_out(unpacked)
    return _Packed(stream, spliced, unpacked)


def _pieces(edits: Edits) -> Iterator[Piece]:
    """Yield edits as splicing takes them; zeros take no memory, however many they are."""
    for piece in edits.pieces:
        if isinstance(piece, Keep):
            yield Kept(piece.start, piece.stop)
        elif isinstance(piece, bytes):
            yield piece
        else:
            yield from piece.chunks(CHUNK)
