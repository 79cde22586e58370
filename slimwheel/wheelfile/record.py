"""RECORD: every file of a wheel with its hash and size.

Source: PyPA specifications, "Recording installed projects", section "The RECORD file".
"""

import base64
import binascii
import csv
import functools
import hashlib
import io
from collections.abc import Iterable
from typing import NamedTuple

from slimwheel.errors import WheelError

_HINT = "Download the wheel again; if it stays so, ask whoever built it."
# What the specification allows: sha256 or better. Weak hashes prove nothing.
_ALGORITHMS = frozenset({"sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512"})
_URL_SAFE = str.maketrans("-_", "+/")


class RecordEntry(NamedTuple):
    """One line of RECORD. `digest` is raw bytes, `size` in bytes where RECORD states it."""

    algorithm: str
    digest: bytes
    size: int | None


def parse_record(text: str, *, file: str, name: str) -> dict[str, RecordEntry | None]:
    """Read RECORD; the value is None for a file without a hash (RECORD itself).

    Raises:
        WheelError: a line is malformed or double, or its hash is weak or not base64.
    """
    entries: dict[str, RecordEntry | None] = {}
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise WheelError(f"is not valid CSV: {error}", file=file, place=name, hint=_HINT) from error
    for number, row in enumerate(rows, 1):
        place = f"{name}, line {number}"
        if not row:
            continue
        if len(row) != 3:
            raise WheelError(
                f"has {len(row)} fields where RECORD has 3", file=file, place=place, hint=_HINT
            )
        if row[0] in entries:
            raise WheelError(f"lists {row[0]} twice", file=file, place=place, hint=_HINT)
        entries[row[0]] = _entry(row[1], row[2], file=file, place=place)
    return entries


def _entry(hashed: str, size: str, *, file: str, place: str) -> RecordEntry | None:
    if not hashed:
        return None
    algorithm, _, encoded = hashed.partition("=")
    if algorithm not in _ALGORITHMS:
        raise WheelError(
            f"uses the hash {algorithm!r}; sha256 or better is needed",
            file=file,
            place=place,
            hint=_HINT,
        )
    try:
        padded = encoded.translate(_URL_SAFE) + "=" * (-len(encoded) % 4)
        digest = binascii.a2b_base64(padded, strict_mode=True)
        length = int(size) if size else None
        if length is not None and length < 0:
            raise ValueError(f"{length} bytes")
    except (binascii.Error, ValueError) as error:
        raise WheelError(
            f"is not a hash and a size: {error}", file=file, place=place, hint=_HINT
        ) from error
    if len(digest) != _digest_size(algorithm):
        raise WheelError(
            f"has a {algorithm} of {len(digest)} bytes", file=file, place=place, hint=_HINT
        )
    return RecordEntry(algorithm, digest, length)


@functools.cache
def _digest_size(algorithm: str) -> int:
    return hashlib.new(algorithm).digest_size


def record_line(name: str, sha256: bytes, size: int) -> tuple[str, str, str]:
    """Return RECORD's three fields for a file."""
    encoded = base64.urlsafe_b64encode(sha256).rstrip(b"=").decode("ascii")
    return name, f"sha256={encoded}", str(size)


def format_record(lines: Iterable[tuple[str, str, str]], record_name: str) -> bytes:
    """Return RECORD's bytes: sorted lines, then RECORD itself without hash."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows(sorted(lines))
    writer.writerow((record_name, "", ""))
    return out.getvalue().encode("utf-8")
