"""Reads tensors from an archive straight into their memory, and checks their hashes on the way.

Each chunk that has a hash of its own is read and checked by itself, so several threads share the
work: reading and hashing both leave Python's lock.
"""

import hashlib
import os
import threading
from typing import Any, Dict, List, Tuple

from ..tensors.memory import UnsupportedTensor, new_tensor
from ..tensors.safetensors import Header, MalformedHeader, read_header
from .archive import CHUNK_BYTES, Archive
from .errors import BadArchive, CannotLoad
from .records import shapes_of

# What is read is hashed while it is still in the processor's cache.
_BLOCK_BYTES = 256 << 10
_MOST_THREADS = 4


def read_tensors(
    archive: Archive, name: str, hashes: List[str], dtypes: Dict[str, str]
) -> Dict[str, Any]:
    """All tensors of a member in the safetensors format, on the CPU.

    Args:
        archive: where it is.
        name: of the member.
        hashes: as the manifest lists them.
        dtypes: torch's types of the tensors that must be in it, by key.

    Raises:
        BadArchive: the member is damaged, or holds other tensors.
        CannotLoad: this torch does not have a type, or not the memory.
    """
    header = header_of(archive, name)
    shapes = shapes_of(archive.path, name, header.entries, dtypes)
    tensors = {}
    # Not read again: what is hashed is what said where the tensors are.
    spans = [(0, memoryview(header.raw), True)]
    for entry in header.entries:
        tensor, view = _allocate(archive.path, entry.name, dtypes[entry.name], shapes[entry.name])
        tensors[entry.name] = tensor
        if len(view):
            spans.append((len(header.raw) + entry.begin, view, False))
    _Reader(archive, name, hashes, spans).run()
    return tensors


def header_of(archive: Archive, name: str) -> Header:
    """The header of a member in the safetensors format.

    Raises:
        BadArchive: it is damaged.
    """
    member = archive.members[name]
    archive.file.seek(member.offset)
    try:
        return read_header(archive.file, member.size)
    except MalformedHeader as error:
        raise BadArchive("%s: %s: %s" % (archive.path, name, error))


def _allocate(path: str, name: str, dtype: str, shape: Tuple[int, ...]) -> Tuple[Any, memoryview]:
    try:
        return new_tensor(dtype, shape)
    except (UnsupportedTensor, RuntimeError, MemoryError) as error:
        raise CannotLoad("%s: tensor %.200s: %s" % (path, name, error))


class _Reader:
    def __init__(
        self,
        archive: Archive,
        name: str,
        hashes: List[str],
        spans: List[Tuple[int, memoryview, bool]],
    ) -> None:
        self._archive = archive
        self._member = archive.members[name]
        self._hashes = hashes
        self._spans = spans
        self._lock = threading.Lock()
        self._chunks = iter(range(len(hashes)))
        self._errors = []  # type: List[BaseException]
        # Where in the spans each chunk begins.
        self._first = []  # type: List[int]
        at = 0
        for chunk in range(len(hashes)):
            begin = chunk * CHUNK_BYTES
            while at + 1 < len(spans) and spans[at + 1][0] <= begin:
                at += 1
            self._first.append(at)

    def run(self) -> None:
        """Reads everything; raises what went wrong first."""
        count = min(len(self._hashes), os.cpu_count() or 1, _MOST_THREADS)
        threads = []
        for _ in range(count - 1):
            thread = threading.Thread(target=self._work)
            try:
                thread.start()
            except RuntimeError:  # the system has no more: fewer will do
                break
            threads.append(thread)
        self._work()
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _work(self) -> None:
        try:
            while not self._errors:
                # Without Python's global lock, an iterator may leave out numbers.
                with self._lock:
                    chunk = next(self._chunks, None)
                if chunk is None:
                    return
                self._read(chunk)
        except BaseException as error:
            self._errors.append(error)

    def _read(self, chunk: int) -> None:
        begin = chunk * CHUNK_BYTES
        end = min(begin + CHUNK_BYTES, self._member.size)
        digest = hashlib.sha256()
        at = self._first[chunk]
        while begin < end:
            start, view, is_read = self._spans[at]
            stop = min(start + len(view), end, begin + _BLOCK_BYTES)
            block = view[begin - start : stop - start]
            if not is_read:
                self._fill(block, self._member.offset + begin)
            digest.update(block)
            begin = stop
            if begin == start + len(view):
                at += 1
        if digest.hexdigest() != self._hashes[chunk]:
            raise BadArchive(
                "%s: %s was changed: chunk %d has another sha256 than the manifest says"
                % (self._archive.path, self._member.name, chunk)
            )

    def _fill(self, block: memoryview, offset: int) -> None:
        file = self._archive.file
        while len(block):
            if hasattr(os, "preadv"):
                count = os.preadv(file.fileno(), [block], offset)
            else:  # Python 3.6
                with self._lock:
                    file.seek(offset)
                    count = file.readinto(block)
            if not count:
                raise BadArchive(
                    "%s: the file ends inside %s" % (self._archive.path, self._member.name)
                )
            block = block[count:]
            offset += count
