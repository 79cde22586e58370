"""What an index is kept in, whatever that is: objects by key, written whole and on condition."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Changed(Exception):
    """An object was not written: it is not, or no longer, what the writer took it for."""


class Busy(Changed):
    """An object was not written: somebody else is writing it, and nobody knows yet what."""


@dataclass(frozen=True)
class Entry:
    """An object in a listing; `size` counts bytes."""

    key: str
    size: int


@dataclass(frozen=True)
class Stored:
    """An object that was read. `etag` is another for other bytes."""

    data: bytes
    etag: str


@dataclass(frozen=True)
class Kind:
    """What a server has to say of an object when it serves it."""

    content_type: str
    cache_control: str


Advance = Callable[[int], None]


class Store(Protocol):
    """Objects by key. Keys are relative to the index, with `/` between their parts.

    Every method raises RemoteError or OutputError where the store cannot be reached or used, and
    says how to mend that.

    Attributes:
        directory_keys: whether objects may bear keys that end in `/`.
    """

    directory_keys: bool

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Yield the objects whose keys begin so, what was written before the call included."""
        ...

    def directories(self, prefix: str) -> list[str]:
        """Return the names right below a prefix that ends in `/` and that have keys below them."""
        ...

    def read(self, key: str) -> Stored | None:
        """Return a small object whole, None where there is none."""
        ...

    def download(self, key: str, target: Path) -> None:
        """Write an object that is there to a new file."""
        ...

    def write(self, key: str, data: bytes, kind: Kind, *, expected: str | None) -> None:
        """Write a small object at once.

        Args:
            expected: the ETag of what it replaces; None where nothing may be there.

        Raises:
            Changed: something else is there, or came while this was written.
        """
        ...

    def upload(self, key: str, path: Path, kind: Kind, sha256: str, advance: Advance) -> None:
        """Write a file as a new object, at once when its last byte has arrived.

        Args:
            sha256: of the file, in hexadecimal; the store refuses what arrives otherwise.
            advance: told how many bytes have been sent.

        Raises:
            Changed: there is an object already.
        """
        ...

    def sha256(self, key: str) -> str | None:
        """Return the sha256 of an uploaded file in hexadecimal; None where there is no object, or
        where it was put there by other means and nobody has said.
        """
        ...
