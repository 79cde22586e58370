"""Carrying out a plan: one pass over the members, in the order in which they are written.

Kept members are copied compressed and checked on the way. ELF files that change are written to
the scratch directory, mapped, and compressed by threads while the rest is copied; libdeflate and
the hashes release the interpreter's lock.
"""

import hashlib
import mmap
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slimwheel.build.additions import Provenance, dist_info_of, slim_member
from slimwheel.build.workspace import unfinished
from slimwheel.plan import Decision, ElfRewrite, Facts, Plan
from slimwheel.wheelfile.archive import CHUNK
from slimwheel.wheelfile.deflate import Compressed, compress
from slimwheel.wheelfile.writer import WheelWriter, member_order

# Two libraries at a time bound the memory that compressed ones take while they wait.
_WORKERS = 2


@dataclass(frozen=True)
class WrittenWheel:
    """A finished wheel. Sizes in bytes; `sha256` in hex."""

    path: Path
    filename: str
    size: int
    installed_size: int
    sha256: str

    def at(self, directory: Path) -> "WrittenWheel":
        """Return it as it is after it was moved."""
        return replace(self, path=directory / self.filename)

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
) -> WrittenWheel:
    """Write the slim wheel into the scratch directory.

    Args:
        advance: called with the installed bytes that were dealt with.

    Raises:
        WheelError: a member does not have the CRC or hash that upstream states.
    """
    filename = source.names.slim.filename
    record = f"{source.wheel.dist_info}/RECORD"
    pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="compress")
    try:
        pending = {
            member: pool.submit(_compressed_elf, rewrite, facts, member, scratch)
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
                    _write_member(writer, decision, plan, source, pending)
                    advance(decision.before)
            writer.finish(f"{dist_info_of(source.names)}/RECORD")
    finally:
        # Waits for running threads, which use the mapped scratch files.
        pool.shutdown(cancel_futures=True)
    return WrittenWheel(
        scratch / filename, filename, writer.size, writer.installed_size, writer.sha256
    )


def _write_member(
    writer: WheelWriter,
    decision: Decision,
    plan: Plan,
    source: Provenance,
    pending: dict[str, Future[tuple[Compressed, bytes]]],
) -> None:
    member = decision.member
    upstream = source.wheel.members.get(member)
    name = slim_member(member, source)
    executable = upstream is not None and upstream.executable
    if member in pending:
        compressed, digest = pending.pop(member).result()
        writer.add_compressed(name, compressed, digest, executable=executable)
    elif upstream is None or member in plan.contents:
        writer.add(name, plan.contents[member], executable=executable)
    else:
        writer.copy(source.wheel, upstream, name)


def _compressed_elf(
    rewrite: ElfRewrite, facts: Facts, member: str, scratch: Path
) -> tuple[Compressed, bytes]:
    """Write an ELF file anew and compress it; return it with its sha256."""
    found = facts.elf(member)
    path = scratch / f"{found.path.name}.new"
    digest = hashlib.sha256()
    with path.open("xb") as out:
        for chunk in rewrite.edits.chunks(found.mapped, CHUNK):
            digest.update(chunk)
            out.write(chunk)
    facts.release(member)
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as new:
        compressed = compress(new)
    path.unlink()
    return compressed, digest.digest()
