"""An upstream wheel: its archive, its dist-info, and what RECORD says of its files."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from packaging.utils import canonicalize_name

from slimwheel.errors import WheelError
from slimwheel.wheelfile.archive import CHUNK, Archive
from slimwheel.wheelfile.directory import Member
from slimwheel.wheelfile.metadata import Headers
from slimwheel.wheelfile.names import (
    WheelName,
    compress_tags,
    escaped,
    is_tag,
    normalized_version,
)
from slimwheel.wheelfile.passage import HashCheck, Passage
from slimwheel.wheelfile.record import RecordEntry, parse_record
from slimwheel.wheelfile.splicing import BlockWalk

_REBUILD = "Ask whoever built this wheel for a valid one."
SIGNATURES = ("RECORD.jws", "RECORD.p7s")


class Wheel:
    """An open upstream wheel.

    Attributes:
        archive: its members.
        dist_info: the dist-info directory's name, without slash.
        name: what its file name says, or would say had it not lost its tags.
        metadata, wheel: METADATA and WHEEL.
        record: RECORD by member name.
    """

    def __init__(self, archive: Archive, *, strict: bool = True) -> None:
        self.archive = archive
        self._strict = strict
        self.file = str(archive.path)
        self._misrecorded: Callable[[str], bool] = lambda _: False
        self.dist_info = self._find_dist_info()
        self.record = self._read_record()
        if strict and (absent := self.absent()):
            message = "stands in RECORD, but not in the archive"
            raise WheelError(message, file=self.file, place=absent[0], hint=_REBUILD)
        self.metadata = self._headers("METADATA")
        self.wheel = self._headers("WHEEL")
        self.name = self._find_name()

    @classmethod
    def open(
        cls, path: Path, *, strict: bool = True, directory: Sequence[Member] | None = None
    ) -> "Wheel":
        """Open a wheel.

        Args:
            path: the file.
            strict: refuse a wheel that lacks files of its RECORD, or whose file name is not what
                METADATA says; without it `absent` and `name` tell.
            directory: what `read_directory` returns, where it was read already.

        Raises:
            WheelError: it is malformed; the message names the place.
        """
        archive = Archive.open(path, directory)
        try:
            return cls(archive, strict=strict)
        except BaseException:
            archive.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.archive.close()

    @property
    def members(self) -> dict[str, Member]:
        """The files of the wheel by name."""
        return self.archive.members

    @property
    def project(self) -> str:
        """The project's normalized name, such as `torch`."""
        return canonicalize_name(self.metadata.get("Name") or "")

    @property
    def version(self) -> str:
        """METADATA's version in its normal form, local part included."""
        return normalized_version(self.metadata.get("Version") or "", file=self.file)

    def dist_info_member(self, name: str) -> Member | None:
        """Return a file of the dist-info directory."""
        return self.members.get(f"{self.dist_info}/{name}")

    def chunks(self, member: Member) -> Iterator[bytes]:
        """Yield a member's bytes, checked against CRC and RECORD.

        Raises:
            WheelError: size, CRC or hash differ.
        """
        check = self._hash_check(member)
        for chunk in self.archive.chunks(member):
            check.update(chunk)
            yield chunk
        check.finish()

    def walk(self, member: Member) -> BlockWalk:
        """Return a pass over a member: its bytes as by `chunks`, then its compressed blocks."""
        return self.archive.walk(member, self._hash_check(member))

    def raw_chunks(self, member: Member) -> Passage:
        """Return a pass over a member's compressed bytes, checked on the way as by `chunks`."""
        return Passage(member, self.archive.raw_chunks(member), self._entry(member), file=self.file)

    def read(self, member: Member) -> bytes:
        """Return a small member whole, checked against CRC and RECORD."""
        if member.size > 64 * CHUNK:
            return self.archive.read(member)  # raises, naming the limit
        return b"".join(self.chunks(member))

    def read_text(self, member: Member) -> str:
        """Return a small member as text.

        Raises:
            WheelError: as `chunks`, or it is not UTF-8.
        """
        try:
            return self.read(member).decode("utf-8")
        except UnicodeDecodeError as error:
            raise WheelError("is not UTF-8", file=self.file, place=member.name) from error

    def unlisted(self) -> list[str]:
        """Return the files that RECORD does not list with a hash, though it must; sorted."""
        unhashed = {name for name in self.members if self.record.get(name) is None}
        return sorted(unhashed - self._exempt())

    def absent(self) -> list[str]:
        """Return the files that RECORD lists and the archive does not have; sorted."""
        return sorted(self.record.keys() - self.members.keys() - self._exempt())

    def expect_misrecorded(self, names: Callable[[str], bool]) -> None:
        """Do not compare with RECORD what it is known to be wrong about; the CRC still counts."""
        self._misrecorded = names

    def misrecorded(self) -> list[str]:
        """Return the members that RECORD is known to be wrong about, sorted."""
        return sorted(name for name in self.members if self._misrecorded(name))

    def check_headers(self) -> None:
        """Hold METADATA and WHEEL against RECORD: opening a wheel takes them on their CRC.

        Raises:
            RecordMismatch: they differ.
        """
        for name in ("METADATA", "WHEEL"):
            self.read(self._required(name))

    def _exempt(self) -> set[str]:
        """RECORD itself and its signatures, which it cannot list with a hash."""
        return {f"{self.dist_info}/{name}" for name in ("RECORD", *SIGNATURES)}

    def _hash_check(self, member: Member) -> HashCheck:
        return HashCheck(self._entry(member), member, self.file)

    def _entry(self, member: Member) -> RecordEntry | None:
        """Return what RECORD states of a member, where it is believed."""
        return None if self._misrecorded(member.name) else self.record.get(member.name)

    def _find_dist_info(self) -> str:
        # Most names hold no such thing, and to look for it is quicker than to take them apart.
        tops = {name.partition("/")[0] for name in self.members if ".dist-info/" in name}
        found = sorted(top for top in tops if top.endswith(".dist-info"))
        if len(found) != 1:
            problem = "has no .dist-info directory" if not found else "has several dist-infos: "
            raise WheelError(problem + ", ".join(found), file=self.file, hint=_REBUILD)
        return found[0]

    def _required(self, name: str) -> Member:
        member = self.dist_info_member(name)
        if member is None:
            raise WheelError("is missing", file=self.file, place=f"{self.dist_info}/{name}")
        return member

    def _headers(self, name: str) -> Headers:
        member = self._required(name)
        data = self.archive.read(member)
        return Headers.parse(data, file=self.file, name=member.name)

    def _read_record(self) -> dict[str, RecordEntry | None]:
        member = self._required("RECORD")
        data = self.archive.read(member)
        try:
            record = parse_record(data.decode("utf-8"), file=self.file, name=member.name)
        except UnicodeDecodeError as error:
            raise WheelError("is not UTF-8", file=self.file, place=member.name) from error
        return record

    def _find_name(self) -> WheelName:
        """Join what file name and dist-info say; dist-info fills in what the name has lost."""
        project, version = escaped(self.project), self.version
        if not project:
            raise WheelError("METADATA has no Name", file=self.file, hint=_REBUILD)
        parsed = WheelName.parse(self.archive.path.name)
        if parsed is None:
            tags = self.wheel.get_all("Tag")
            if not tags or not all(map(is_tag, tags)):
                raise WheelError(
                    "neither the file's name nor WHEEL has the wheel's tags",
                    file=self.file,
                    hint="Give the file its full name, as it was downloaded.",
                )
            return WheelName(project, version, compress_tags(tags))
        if self._strict and (parsed.distribution, parsed.version) != (project, version):
            raise WheelError(
                f"is named {parsed.distribution} {parsed.version}, but METADATA says "
                f"{project} {version}",
                file=self.file,
                hint="Give the file the name under which it was published.",
            )
        return parsed
