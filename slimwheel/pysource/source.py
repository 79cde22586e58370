"""A Python source file: its text, its syntax tree, and the way from one to the other."""

import ast
import io
import re
import tokenize
import warnings
from pathlib import PurePosixPath
from typing import Any

from slimwheel.errors import WheelError

_TROUBLE = "the file does not compile"
# What Python's own tokenizer takes for the end of a line; str.splitlines() knows many more.
_NEWLINE = re.compile(r"\r\n|\r|\n")


class Source:
    """A parsed source file.

    Args:
        data: the file's bytes.
        file: its path inside the wheel, from which relative imports are resolved.

    Raises:
        WheelError: the file cannot be decoded or parsed; names the line.
    """

    def __init__(self, data: bytes, file: str) -> None:
        self.file = file
        self.encoding, self.text = _decode(data, file)
        self.tree: ast.Module = _compiled(self.text, file, _TROUBLE, ast.PyCF_ONLY_AST)
        found = _NEWLINE.search(self.text)
        self.newline = found.group() if found else "\n"
        self._line_starts = [0, *(match.end() for match in _NEWLINE.finditer(self.text))]

    @property
    def package(self) -> str:
        """Dotted name of the package that holds the file."""
        return ".".join(PurePosixPath(self.file).parent.parts)

    def start(self, node: ast.stmt) -> int:
        """Index into the text of a statement's first character, decorators included."""
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        if decorators:
            first = self._offset(decorators[0].lineno, decorators[0].col_offset)
            return self.text.rindex("@", 0, first)
        return self._offset(node.lineno, node.col_offset)

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Indices into the text of a node's first character and of the one behind its last."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno, node.end_col_offset),
        )

    def line_start(self, offset: int) -> int:
        """Index of the first character of the line that holds the offset."""
        head = max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset))
        return head + 1

    def line_end(self, offset: int) -> int:
        """Index of the line's end, ahead of its newline."""
        found = _NEWLINE.search(self.text, offset)
        return found.start() if found else len(self.text)

    def encode(self, text: str) -> bytes:
        """The bytes of a text that takes this file's place.

        Raises:
            WheelError: the file's encoding lacks a character, or the text does not compile.
        """
        try:
            data = text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise WheelError(
                f"an edit does not fit the encoding: {error}", file=self.file
            ) from None
        try:
            _compiled(text, self.file, "after the edits the file does not compile")
        except WheelError:
            self.check()
            raise
        return data

    def check(self) -> None:
        """Say that the file as it is does not compile: the reason, maybe, for another error.

        Raises:
            WheelError: so it is; a tree tells nothing of a misplaced `from __future__`.
        """
        _compiled(self.text, self.file, _TROUBLE)

    def _offset(self, line: int, utf8_column: int) -> int:
        start = self._line_starts[line - 1]
        head = self.text[start : start + utf8_column].encode()[:utf8_column]
        return start + len(head.decode())


def _decode(data: bytes, file: str) -> tuple[str, str]:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise WheelError(f"the file cannot be decoded: {error}", file=file) from None
    if text.encode(encoding) != data:
        raise WheelError(f"{encoding} does not give the same bytes back", file=file)
    return encoding, text


def _compiled(text: str, file: str, trouble: str, flags: int = 0) -> Any:
    """Return code, or with PyCF_ONLY_AST a tree."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compile(text, file, "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        place = f"line {error.lineno}" if error.lineno else None
        raise WheelError(
            f"{trouble}: {error.msg}",
            file=file,
            place=place,
            hint="Its syntax may be newer or older than that of the Python that runs slimwheel.",
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise WheelError(f"{trouble}: {error}", file=file) from None
