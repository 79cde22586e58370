"""A file's entry: what the pages say of it, as PEP 691, PEP 700, PEP 592 and PEP 714 have it."""

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import quote

from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slimwheel.build.origin import Origin, origin_of
from slimwheel.errors import RemoteError, UsageError
from slimwheel.files import file_sha256
from slimwheel.publish import layout
from slimwheel.wheelfile.names import WheelName
from slimwheel.wheelfile.wheel import Wheel

_COMPANION = "slim."
# What PyPI takes; a name of other characters breaks one installer or the other.
_FILENAME = r"^[A-Za-z0-9_.+!-]+\.whl$"
_UPLOAD_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$"


class Made(BaseModel):
    """Of what a slim wheel was made and how: what has to be the same for it to be the same."""

    model_config = ConfigDict(frozen=True)

    upstream_sha256: str
    recipe_sha256: str = Field(description="of the resolved recipe's text, in UTF-8")
    options: dict[str, Any]
    tools: dict[str, str]

    @classmethod
    def from_origin(cls, origin: Origin) -> Self:
        manifest = origin.manifest
        return cls(
            upstream_sha256=manifest["upstream"]["sha256"],
            recipe_sha256=hashlib.sha256(manifest["recipe"]["text"].encode()).hexdigest(),
            options=dict(manifest["options"]),
            tools=dict(manifest["tools"]),
        )


class Hashes(BaseModel):
    model_config = ConfigDict(frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class FileEntry(BaseModel):
    """One wheel on a page.

    Attributes:
        url: relative to the page.
        upload_time: as RFC 3339 has it, in UTC.
        yanked: the reason, or False.
        core_metadata: hashes of the METADATA beside it.
        made: for slim wheels; a key that PEP 691 leaves to an index.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    filename: str = Field(pattern=_FILENAME)
    url: str
    hashes: Hashes
    size: int
    upload_time: str = Field(alias="upload-time", pattern=_UPLOAD_TIME)
    requires_python: str | None = Field(default=None, alias="requires-python")
    core_metadata: Hashes = Field(alias="core-metadata")
    yanked: Annotated[str, Field(min_length=1)] | bool = False
    made: Made | None = Field(default=None, alias="_made")

    @property
    def version(self) -> Version:
        """The version, in a file name that is a wheel's."""
        return parse_wheel_filename(self.filename)[1]

    def to_json(self) -> dict[str, Any]:
        """Return it as the page holds it: PEP 691 wants no key for what is unknown."""
        return self.model_dump(by_alias=True, exclude_none=True)

    def to_bytes(self) -> bytes:
        """Return it as it lies beside the wheel."""
        return (json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes, *, place: str) -> Self:
        """Read what lies beside a wheel.

        Raises:
            RemoteError: it is none of slimwheel's.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = "".join(f"{part}: " for part in first["loc"])
            raise RemoteError(
                f"is not an entry of the index: {where}{first['msg']}",
                file=place,
                hint="Remove it and run `slimwheel publish --reindex`, which makes it again.",
            ) from error


class Subject:
    """A wheel that is to be published, with all that the index has to know of it.

    Attributes:
        path: the file.
        project: the normalized name.
        filename: the name under which it is published.
        sha256, size: of the file.
        metadata: METADATA, as it lies beside it.
        requires: Requires-Dist.
        requires_python: Requires-Python, None where it has none.
        companion_of: the variant, such as `cpu`, if it is a companion.
        made: None for a wheel that is not slim.
    """

    def __init__(self, path: Path) -> None:
        """Read a wheel.

        Raises:
            WheelError: it is malformed.
            UsageError: its file does not bear a wheel's name.
        """
        self.path = path
        name = WheelName.parse(path.name)
        if name is None or not re.match(_FILENAME, path.name):
            hint = "Give the file its full name, as it was built."
            raise UsageError("is not the name of a wheel", file=path, hint=hint)
        with Wheel.open(path) as wheel:
            member = wheel.dist_info_member("METADATA")
            assert member is not None
            self.metadata = wheel.read(member)
            self.project = canonicalize_name(wheel.project)
            if not layout.is_normalized(self.project):
                raise UsageError(f"{self.project!r} is not the name of a project", file=path)
            self.requires = wheel.metadata.get_all("Requires-Dist")
            # On one line, and no key where it says nothing.
            self.requires_python = (
                " ".join((wheel.metadata.get("Requires-Python") or "").split()) or None
            )
            inside = all(each.startswith(f"{wheel.dist_info}/") for each in wheel.members)
        local = Version(name.version).local or ""
        variant = local.removeprefix(_COMPANION)
        self.companion_of = variant if inside and variant != local else None
        self.filename = path.name
        self.version = name.version
        origin = origin_of(path)
        self.made = Made.from_origin(origin) if origin else None
        self.sha256 = file_sha256(path)
        self.size = path.stat().st_size

    def entry(self, now: datetime) -> FileEntry:
        """Return its entry as of a time. A companion's is yanked: only who pins it gets it."""
        core_metadata = Hashes(sha256=hashlib.sha256(self.metadata).hexdigest())
        return FileEntry.model_validate(
            {
                "filename": self.filename,
                "url": quote(self.filename),
                "hashes": Hashes(sha256=self.sha256),
                "size": self.size,
                "upload-time": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
                "requires-python": self.requires_python,
                "core-metadata": core_metadata,
                "yanked": self.yanked,
                "_made": self.made,
            }
        )

    @property
    def yanked(self) -> str | bool:
        """Why it is yanked from the first, if it is."""
        if self.companion_of is None:
            return False
        slim = f"{self.project}-{self.companion_of}"
        return f"empty: it stands in for {self.project} where {slim} provides it"
