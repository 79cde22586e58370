"""The archive of a portable model: a zip of stored members, read without trusting any of it.

Nothing is compressed, so no member is larger than the bytes that are there. The members follow one
another from the file's first byte to its central directory: a reader that goes by the local
headers and one that goes by the directory see the same. Source of the format: PKWARE's APPNOTE,
4.3.7 (local header), 4.3.12 (directory), 4.3.14 to 4.3.16 (its end), 4.5.3 (64-bit sizes).
"""

import hashlib
import os
import re
import struct
import unicodedata
import zipfile
from typing import Any, BinaryIO, Dict, Iterable, List, NamedTuple, Tuple

from .errors import BadArchive

# Larger archives are refused: no network has that many sources.
MOST_MEMBERS = 10000
_MOST_DIRECTORY_BYTES = 4 << 20
# Hashes are of this many bytes each, the last of a member of fewer: they are checked in parallel.
CHUNK_BYTES = 4 << 20

_LOCAL = struct.Struct("<4s5H3I2H")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_UTF8 = 1 << 11
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*\Z")

Member = NamedTuple("Member", [("name", str), ("offset", int), ("size", int)])


class Archive:
    """A portable model's file, open for reading. Close it, or use it in a `with`.

    Attributes:
        path: where it is.
        members: by name; their data is at `offset` of the file and has `size` bytes.

    Raises:
        BadArchive: it is not laid out as such an archive is.
        OSError: it cannot be read.
    """

    def __init__(self, path: Any) -> None:
        self.path = os.path.abspath(os.fspath(path))
        self.file = open(self.path, "rb")  # noqa: SIM115
        try:
            self.members = _members(self.file)
        except BadArchive as error:
            self.file.close()
            raise BadArchive("%s: %s" % (self.path, error))
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: Any) -> None:
        self.file.close()

    def read(self, name: str, most: int) -> bytes:
        """All bytes of a member.

        Raises:
            BadArchive: there is no such member, or it has more bytes than `most`.
        """
        member = self.members.get(name)
        if member is None:
            raise BadArchive("%s: there is no %s in it" % (self.path, name))
        if member.size > most:
            raise BadArchive(
                "%s: %s has %d bytes; at most %d are read" % (self.path, name, member.size, most)
            )
        self.file.seek(member.offset)
        data = self.file.read(member.size)
        if len(data) != member.size:
            raise BadArchive("%s: the file ends inside %s" % (self.path, name))
        return data


def file_sha256(file: BinaryIO) -> str:
    """The sha256 of all of a file, as `sha256sum` prints it."""
    file.seek(0)
    digest = hashlib.sha256()
    for block in iter(lambda: file.read(1 << 20), b""):
        digest.update(block)
    return digest.hexdigest()


class Writer:
    """Writes an archive, member by member, always the same bytes for the same members."""

    def __init__(self, path: str) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)

    def add(self, name: str, size: int, blocks: Iterable[Any]) -> Dict[str, Any]:
        """Writes a member of `size` bytes, which come in blocks.

        Returns:
            Its size and hashes, as the manifest lists them.
        """
        info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        info.create_system = 3
        info.external_attr = 0o100644 << 16
        info.file_size = size
        hashes = ChunkHashes()
        with self._zip.open(info, "w") as member:
            for block in blocks:
                member.write(block)
                hashes.update(block)
        return {"bytes": size, "sha256": hashes.finish()}

    def close(self) -> None:
        """Writes the directory."""
        self._zip.close()


class ChunkHashes:
    """The sha256 of each CHUNK_BYTES of what passes through `update`."""

    def __init__(self) -> None:
        self._done = []  # type: List[str]
        self._hash = hashlib.sha256()
        self._room = CHUNK_BYTES

    def update(self, block: Any) -> None:
        """Takes the next bytes."""
        view = memoryview(block)
        while len(view):
            part = view[: self._room]
            self._hash.update(part)
            self._room -= len(part)
            view = view[len(part) :]
            if not self._room:
                self._next()

    def _next(self) -> None:
        self._done.append(self._hash.hexdigest())
        self._hash = hashlib.sha256()
        self._room = CHUNK_BYTES

    def finish(self) -> List[str]:
        """The hashes; of no bytes at all there is one too."""
        if self._room < CHUNK_BYTES or not self._done:
            self._next()
        return self._done


def hashes_of(data: bytes) -> List[str]:
    """The hashes of a member that is at hand."""
    hashes = ChunkHashes()
    hashes.update(data)
    return hashes.finish()


def _members(file: BinaryIO) -> Dict[str, Member]:
    directory, count, begin = _directory(file)
    found = {}  # type: Dict[str, Member]
    starts = []
    position = 0
    for _ in range(count):
        if len(directory) - position < _ENTRY.size:
            raise BadArchive("its directory ends after %d of %d entries" % (len(found), count))
        fields = _ENTRY.unpack_from(directory, position)
        lengths = fields[10:13]
        begin_text = position + _ENTRY.size
        position = begin_text + sum(lengths)
        text = directory[begin_text:position]
        if fields[0] != b"PK\x01\x02" or len(text) != sum(lengths):
            raise BadArchive("entry %d of its directory is damaged" % len(found))
        name = _name(text[: lengths[0]], fields[3])
        if name in found:
            raise BadArchive("two members are called %s" % name)
        extra = text[lengths[0] : lengths[0] + lengths[1]]
        size, offset = _sizes(name, fields, extra)
        data_offset = _local(file, name, text[: lengths[0]], fields, size, offset)
        found[name] = Member(name, data_offset, size)
        starts.append((offset, data_offset + size, name))
    if position != len(directory):
        raise BadArchive("its directory has %d bytes too many" % (len(directory) - position))
    end = 0
    for start, stop, name in sorted(starts):
        if start != end:
            raise BadArchive(
                "%s begins at byte %d, what is before it ends at %d" % (name, start, end)
            )
        end = stop
    if end != begin:
        raise BadArchive("its members end at byte %d, the directory begins at %d" % (end, begin))
    return found


def _directory(file: BinaryIO) -> Tuple[bytes, int, int]:
    """The directory's bytes, the number of its entries, and where it begins."""
    size = file.seek(0, os.SEEK_END)
    end = size - _END.size
    tail = _read(file, end, _END.size) if end >= 0 else b""
    if tail[:4] != b"PK\x05\x06":
        raise BadArchive("no zip archive, or one that was cut off or has bytes behind its end")
    _, disk, first_disk, here, count, length, begin, comment = _END.unpack(tail)
    if comment or disk or first_disk or here != count:
        raise BadArchive("a zip archive with a comment or in several parts")
    short = count, length, begin
    if count == _FULL16 or length == _FULL32 or begin == _FULL32:
        count, length, begin, end = _directory64(file, end, short)
    if count > MOST_MEMBERS or length > _MOST_DIRECTORY_BYTES:
        raise BadArchive(
            "%d members with %d bytes of names; at most %d and %d are read"
            % (count, length, MOST_MEMBERS, _MOST_DIRECTORY_BYTES)
        )
    if begin + length != end:
        raise BadArchive(
            "its directory of %d bytes at %d does not end at %d" % (length, begin, end)
        )
    return _read(file, begin, length), count, begin


def _directory64(
    file: BinaryIO, end: int, short: Tuple[int, int, int]
) -> Tuple[int, int, int, int]:
    """What the end of a large archive says, and where it begins; the short end must agree."""
    locator = end - _END64_LOCATOR.size
    record = locator - _END64.size
    if record >= 0:
        fields = _END64.unpack(_read(file, record, _END64.size))
        found = _END64_LOCATOR.unpack(_read(file, locator, _END64_LOCATOR.size))
        values = fields[7:]
        agree = all(
            value in (full, large)
            for value, full, large in zip(short, (_FULL16, _FULL32, _FULL32), values)
        )
        if (
            found == (b"PK\x06\x07", 0, record, 1)
            and fields[:2] == (b"PK\x06\x06", _END64.size - 12)
            and fields[4:7] == (0, 0, fields[7])
            and agree
        ):
            return values[0], values[1], values[2], record
    raise BadArchive("the end of its directory for large archives is damaged")


def _name(raw: bytes, flags: int) -> str:
    try:
        name = raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        raise BadArchive("a member's name is not text: %r" % raw[:100])
    # Absolute names, "..", backslashes, drives, streams and hidden files are all something else.
    # Python sees names that look alike as one, those of imports in this form.
    if len(raw) > 1000 or not _NAME.match(name) or unicodedata.normalize("NFKC", name) != name:
        raise BadArchive("a member is called %.100r, which no portable model has" % name)
    return name


def _sizes(name: str, fields: Tuple[Any, ...], extra: bytes) -> Tuple[int, int]:
    """A member's size and the offset of its local header."""
    flags, method, packed, size = fields[3], fields[4], fields[8], fields[9]
    kind, offset = fields[15] >> 28, fields[16]
    if flags & ~_UTF8 or method != zipfile.ZIP_STORED:
        raise BadArchive("%s is compressed or encrypted; portable models only store" % name)
    if kind not in (0, 0o10):
        raise BadArchive("%s is no regular file" % name)
    if fields[12] or fields[13]:
        raise BadArchive("%s has a comment, or is in another part" % name)
    large = _extra64(name, extra)
    values = []
    for value in (size, packed, offset):
        if value == _FULL32:
            if len(large) < 8:
                raise BadArchive("%s lacks its 64-bit sizes" % name)
            value, large = struct.unpack("<Q", large[:8])[0], large[8:]
        values.append(value)
    if large:
        raise BadArchive("%s has 64-bit sizes beside its sizes" % name)
    if values[0] != values[1]:
        raise BadArchive("%s has two sizes, %d and %d" % (name, values[1], values[0]))
    return values[0], values[2]


def _extra64(name: str, extra: bytes) -> bytes:
    """What an extra field has of 64-bit sizes; other fields, as of another name, are refused."""
    if not extra:
        return b""
    if len(extra) < 4 or struct.unpack("<2H", extra[:4]) != (1, len(extra) - 4):
        raise BadArchive("the extra field of %s is damaged, or no field of sizes" % name)
    return extra[4:]


def _local(
    file: BinaryIO, name: str, raw: bytes, entry: Tuple[Any, ...], size: int, offset: int
) -> int:
    """Where the member's data begins; its local header must say what the directory says."""
    fields = _LOCAL.unpack(_read(file, offset, _LOCAL.size))
    lengths = fields[9:11]
    rest = _read(file, offset + _LOCAL.size, sum(lengths))
    large = _extra64(name, rest[lengths[0] :])
    sizes = fields[7:9]
    if sizes == (_FULL32, _FULL32) and len(large) == 16:
        sizes, large = struct.unpack("<2Q", large), b""
    if (
        fields[0] != b"PK\x03\x04"
        # Flags, method, time, date and checksum.
        or fields[2:7] != entry[3:8]
        or rest[: lengths[0]] != raw
        or sizes != (size, size)
        or large
    ):
        raise BadArchive(
            "the header of %s at byte %d says other than the directory" % (name, offset)
        )
    return int(offset + _LOCAL.size + sum(lengths))


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    # Offsets of 64 bits are more than a file can be asked for.
    data = b""
    if offset <= file.seek(0, os.SEEK_END):
        file.seek(offset)
        data = file.read(length)
    if len(data) != length:
        raise BadArchive("%d bytes are to be at byte %d, which are not there" % (length, offset))
    return data
