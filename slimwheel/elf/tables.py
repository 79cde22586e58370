"""The tables by which the loader finds a symbol: strings, hash tables and versions, to be written.

Sources: System V gABI, "Hash Table"; glibc's `elf/dl-lookup.c` for DT_GNU_HASH; "ELF Symbol
Versioning" (U. Drepper) for the versions.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import reduce

from slimwheel.elf import format as fmt

_BLOOM_BITS = 64
_BLOOM_SHIFT = 6
_VERSION_FORMAT = 1
_DEFINITION = struct.Struct("<HHHHIIIII")  # with its only name
_NEED = struct.Struct("<HHIII")
_NEED_AUX = struct.Struct("<IHHII")


class Strings:
    """A string table under construction."""

    def __init__(self) -> None:
        self._data = bytearray(b"\0")
        self._offsets = {"": 0}

    def add(self, text: str) -> int:
        """Return the offset of a string, which is added if it is not there yet.

        Raises:
            ValueError: it contains NUL, which would end it.
        """
        if text not in self._offsets:
            self._offsets[text] = len(self._data)
            self._data += terminated(text)
        return self._offsets[text]

    @property
    def content(self) -> bytes:
        """The table."""
        return bytes(self._data)


def terminated(text: str) -> bytes:
    """Return a text as UTF-8 with a NUL behind; ValueError if it contains one itself."""
    if "\0" in text:
        raise ValueError(f"a NUL in {text!r}")
    return text.encode("utf-8", "surrogateescape") + b"\0"


def system_v_hash(name: bytes) -> int:
    """Return the hash of DT_HASH and of version records."""
    result = 0
    for byte in name:
        result = (result << 4) + byte
        high = result & 0xF0000000
        result = (result ^ high >> 24) & ~high
    return result


def gnu_hash(name: bytes) -> int:
    """Return the hash of DT_GNU_HASH."""
    return reduce(lambda result, byte: (result * 33 + byte) & 0xFFFFFFFF, name, 5381)


def bucket_count(symbols: int) -> int:
    """Return how many buckets a hash table of so many symbols has here."""
    return symbols // 2 | 1


def hash_table(names: Sequence[str]) -> bytes:
    """Return DT_HASH for symbols in the order of the table, of which the first is the null one."""
    count = bucket_count(len(names))
    buckets, chains = [0] * count, [0] * len(names)
    for index, name in enumerate(names[1:], 1):
        bucket = system_v_hash(terminated(name)[:-1]) % count
        chains[index], buckets[bucket] = buckets[bucket], index
    words = (count, len(names), *buckets, *chains)
    return struct.pack(f"<{len(words)}I", *words)


def gnu_bucket(name: str, defined: int) -> int:
    """Return the bucket of a name in DT_GNU_HASH: `defined` symbols have to be in this order."""
    return gnu_hash(terminated(name)[:-1]) % bucket_count(defined)


def gnu_hash_table(names: Sequence[str], first: int) -> bytes:
    """Return DT_GNU_HASH.

    Args:
        names: the defined symbols, in the order of their buckets.
        first: index of the first of them in the symbol table.
    """
    count = bucket_count(len(names))
    bloom_words = 1 << (len(names) // 4).bit_length()
    bloom, buckets, chains = [0] * bloom_words, [0] * count, []
    for index, name in enumerate(names):
        value = gnu_hash(terminated(name)[:-1])
        bits = 1 << value % _BLOOM_BITS | 1 << (value >> _BLOOM_SHIFT) % _BLOOM_BITS
        bloom[value // _BLOOM_BITS % bloom_words] |= bits
        buckets[value % count] = buckets[value % count] or first + index
        # The last bit says that the chain ends: the next symbol is in another bucket.
        is_last = index + 1 == len(names) or gnu_bucket(names[index + 1], len(names)) != (
            value % count
        )
        chains.append(value & ~1 | is_last)
    return struct.pack(
        f"<4I{bloom_words}Q{count + len(chains)}I",
        count,
        first,
        bloom_words,
        _BLOOM_SHIFT,
        *bloom,
        *buckets,
        *chains,
    )


def version_definitions(soname: str, versions: Mapping[str, int], strings: Strings) -> bytes:
    """Return DT_VERDEF: the base, which is the file's own name, and the versions by number.

    A file without versions has none.
    """
    if not versions:
        return b""
    rows: list[bytes] = []
    for name, number in [(soname, fmt.VERSION_GLOBAL), *versions.items()]:
        flags = fmt.VER_FLG_BASE if number == fmt.VERSION_GLOBAL else 0
        following = 0 if len(rows) == len(versions) else _DEFINITION.size
        hashed = system_v_hash(terminated(name)[:-1])
        rows.append(
            _DEFINITION.pack(
                _VERSION_FORMAT, flags, number, 1, hashed, 20, following, strings.add(name), 0
            )
        )
    return b"".join(rows)


def version_needs(needs: Mapping[tuple[str, str], int], strings: Strings) -> bytes:
    """Return DT_VERNEED for versions by library and name, and their numbers."""
    libraries = list(dict.fromkeys(library for library, _ in needs))
    out = bytearray()
    for library in libraries:
        names = [(name, number) for (of, name), number in needs.items() if of == library]
        size = _NEED.size + _NEED_AUX.size * len(names)
        following = 0 if library == libraries[-1] else size
        out += _NEED.pack(_VERSION_FORMAT, len(names), strings.add(library), _NEED.size, following)
        for index, (name, number) in enumerate(names, 1):
            following = 0 if index == len(names) else _NEED_AUX.size
            hashed = system_v_hash(terminated(name)[:-1])
            out += _NEED_AUX.pack(hashed, 0, number, strings.add(name), following)
    return bytes(out)
