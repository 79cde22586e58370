"""METADATA, WHEEL and entry_points.txt, edited line by line with everything else kept as it is.

METADATA and WHEEL are e-mail headers (RFC 5322 as Python's `email` reads it). An e-mail library
would parse them, but would also fold and re-encode what it writes; what is not edited here keeps
its bytes.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from slimwheel.errors import WheelError

_REBUILD = "Ask whoever built this wheel for a valid one."
_HEAD_END = re.compile(r"\r?\n\r?\n")


class Headers:
    """A header block with a body, such as METADATA.

    Lines keep their order and their bytes. Names compare without case.
    """

    def __init__(self, fields: list[tuple[str, str]], body: str) -> None:
        # Values as they stand behind the colon, space and folded lines included.
        self._fields = fields
        self._body = body

    @classmethod
    def parse(cls, data: bytes, *, file: str, name: str) -> "Headers":
        """Read a header block.

        Raises:
            WheelError: not UTF-8, or a line that is no header.
        """
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise WheelError(
                f"is not UTF-8: {error.reason}", file=file, place=name, hint=_REBUILD
            ) from error
        end = _HEAD_END.search(text)
        head, body = (text[: end.start()], text[end.start() :]) if end else (text, "")
        fields: list[tuple[str, str]] = []
        for number, line in enumerate(head.replace("\r\n", "\n").rstrip("\n").split("\n"), 1):
            if line[:1] in (" ", "\t") and fields:
                key, value = fields[-1]
                fields[-1] = (key, f"{value}\n{line}")
                continue
            key, colon, value = line.partition(":")
            if not colon or not key or key != key.strip():
                raise WheelError(
                    f"is not a header: {line[:60]!r}",
                    file=file,
                    place=f"{name}, line {number}",
                    hint=_REBUILD,
                )
            fields.append((key, value))
        return cls(fields, body)

    def get(self, key: str) -> str | None:
        """Return the first value of a header, None where there is none."""
        return next(iter(self.get_all(key)), None)

    def get_all(self, key: str) -> list[str]:
        """Return all values of a header, in order."""
        return [value.strip() for name, value in self._fields if name.lower() == key.lower()]

    def set(self, key: str, value: str) -> None:
        """Give a header one value, at the place of the first or at the end."""
        for index, (name, _) in enumerate(self._fields):
            if name.lower() == key.lower():
                self._fields[index] = (name, f" {value}")
                return
        self._fields.append((key, f" {value}"))

    def add(self, key: str, value: str) -> None:
        """Add one more value, behind the last of the same header or at the end."""
        places = [i for i, (name, _) in enumerate(self._fields) if name.lower() == key.lower()]
        self._fields.insert(places[-1] + 1 if places else len(self._fields), (key, f" {value}"))

    def replace(self, key: str, values: Mapping[str, str]) -> None:
        """Give values of a header that are among the keys their new ones, each at its place."""
        self._fields = [
            (name, f" {values[value.strip()]}")
            if name.lower() == key.lower() and value.strip() in values
            else (name, value)
            for name, value in self._fields
        ]

    def remove(self, key: str, unwanted: Callable[[str], bool]) -> list[str]:
        """Remove the values that are unwanted and return them."""
        removed = [value for value in self.get_all(key) if unwanted(value)]
        self._fields = [
            (name, value)
            for name, value in self._fields
            if name.lower() != key.lower() or not unwanted(value.strip())
        ]
        return removed

    def to_bytes(self) -> bytes:
        """Return the block as it is written: headers with LF, the body as it was, UTF-8."""
        head = "\n".join(f"{name}:{value}" for name, value in self._fields)
        return (head + (self._body or "\n")).encode("utf-8")


def entry_point_modules(text: str) -> list[tuple[str, str, str]]:
    """Return (group, name, module) of every entry point in entry_points.txt."""
    found = []
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif "=" in line and not line.startswith(("#", ";")):
            name, _, target = line.partition("=")
            module = target.split("[")[0].split(":")[0].strip()
            found.append((group, name.strip(), module))
    return found


def without_entry_points(text: str, unwanted: Iterable[tuple[str, str]]) -> str:
    """Return entry_points.txt without the (group, name) pairs, and without groups left empty."""
    gone = set(unwanted)
    sections: list[tuple[str, list[str]]] = [("", [])]
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        group = sections[-1][0]
        if bare.startswith("[") and bare.endswith("]"):
            sections.append((bare[1:-1].strip(), [line]))
        elif (group, bare.partition("=")[0].strip()) not in gone:
            sections[-1][1].append(line)
    emptied = {group for group, _ in gone}
    return "".join(
        line
        for group, lines in sections
        if group not in emptied or any("=" in line for line in lines[1:])
        for line in lines
    )
