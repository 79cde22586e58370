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
        if not row:
            continue
        try:
            if len(row) != 3:
                raise _Malformed(f"has {len(row)} fields where RECORD has 3")
            if row[0] in entries:
                raise _Malformed(f"lists {row[0]} twice")
            entries[row[0]] = _entry(row[1], row[2])
        except _Malformed as error:
            place = f"{name}, line {number}"
            raise WheelError(str(error), file=file, place=place, hint=_HINT) from error
    return entries


class _Malformed(Exception):
    """What is wrong with a line."""


def _entry(hashed: str, size: str) -> RecordEntry | None:
    if not hashed:
        return None
    algorithm, _, encoded = hashed.partition("=")
    if algorithm not in _ALGORITHMS:
        raise _Malformed(f"uses the hash {algorithm!r}; sha256 or better is needed")
    try:
        # Several times as fast as str.translate, and a wheel has thousands of lines.
        plain = encoded.replace("-", "+").replace("_", "/") + "=" * (-len(encoded) % 4)
        digest = binascii.a2b_base64(plain, strict_mode=True)
        length = int(size) if size else None
        if length is not None and length < 0:
            raise ValueError(f"{length} bytes")
    except (binascii.Error, ValueError) as error:
        raise _Malformed(f"is not a hash and a size: {error}") from error
    if len(digest) != _digest_size(algorithm):
        raise _Malformed(f"has a {algorithm} of {len(digest)} bytes")
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
