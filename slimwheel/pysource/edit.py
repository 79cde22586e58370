"""Carries out edits: where the new text goes, and how it is written there."""

import ast
import functools
import re
import textwrap
from collections.abc import Iterable
from typing import NamedTuple

from slimwheel.errors import RecipeError, WheelError
from slimwheel.pysource import locate
from slimwheel.pysource.place import Place, PlaceNotFound, parse_place
from slimwheel.pysource.source import Source

# What may stand between the end of a line's last statement and the end of the line.
_LINE_TAIL = re.compile(r"[ \t\f]*(#.*)?")
_CLOSED_LINE_TAIL = re.compile(r"[ \t\f]*;?[ \t\f]*(#.*)?")


class Edit(NamedTuple):
    """One edit: code (statements, or for `assignment` an expression) and its place."""

    place: Place
    code: str


class _Splice(NamedTuple):
    start: int
    end: int
    text: str


def insert(source: bytes, place: Place | str, code: str, file: str) -> bytes:
    """One edit of one file; see `apply`."""
    place = parse_place(place) if isinstance(place, str) else place
    return apply(source, [Edit(place, code)], file)


def apply(source: bytes, edits: Iterable[Edit], file: str) -> bytes:
    """Carry out edits of one file. Edits at the same place stand in the order given.

    Args:
        source: the file's bytes.
        edits: places are sought in the file as it is, not as other edits leave it.
        file: the file's path inside the wheel.

    Returns:
        The new bytes; they compile.

    Raises:
        PlaceNotFound: the file lacks a place.
        RecipeError: the code is not Python, or cannot be written where the place is.
        WheelError: the file cannot be parsed, or two edits replace the same text.
    """
    parsed = _source(source, file)
    splices = _all_splices(parsed, edits)
    splices.sort(key=lambda splice: (splice.start, splice.end))
    pieces = []
    done = 0
    for splice in splices:
        if splice.start < done:
            raise WheelError("two edits replace the same text", file=file)
        pieces += [parsed.text[done : splice.start], splice.text]
        done = splice.end
    return parsed.encode("".join([*pieces, parsed.text[done:]]))


def check(source: bytes, edits: Iterable[Edit], file: str) -> None:
    """Look for the places of edits, and whether their code can be written there.

    Raises:
        WheelError, RecipeError: as `apply`, but for what only all edits together tell.
    """
    _all_splices(_source(source, file), edits)


@functools.lru_cache(maxsize=4)
def _source(source: bytes, file: str) -> Source:
    """Parse a file; edits of one come after another, and each is looked at before all are made."""
    return Source(source, file)


def _all_splices(source: Source, edits: Iterable[Edit]) -> list[_Splice]:
    try:
        return [splice for edit in edits for splice in _splices(source, edit)]
    except PlaceNotFound:
        source.check()
        raise


def _splices(source: Source, edit: Edit) -> list[_Splice]:
    place = edit.place
    match place.kind:
        case "before-import":
            stmt = locate.importing_statement(source, place.name.split(","), star=False)
            if stmt:
                return [_ahead_of(source, stmt, edit)]
        case "after-import":
            stmt = locate.importing_statement(
                source, [place.name], star=True
            ) or locate.importing_statement(source, [place.name], star=False)
            if stmt:
                return [_behind(source, stmt, edit)]
        case "function":
            return [
                _first_in(source, function, edit) for function in locate.functions(source, place)
            ]
        case "assignment":
            value = locate.assigned_value(source, place)
            return [_Splice(*source.span(value), _expression(source, edit))]
    raise PlaceNotFound("no such import", file=source.file, place=str(place))


def _first_in(source: Source, function: locate.Function, edit: Edit) -> _Splice:
    doc, *rest = function.body
    if ast.get_docstring(function, clean=False) is None:
        return _ahead_of(source, doc, edit)
    return _ahead_of(source, rest[0], edit) if rest else _behind(source, doc, edit)


def _ahead_of(source: Source, stmt: ast.stmt, edit: Edit) -> _Splice:
    start = source.start(stmt)
    line = source.line_start(start)
    lead = source.text[line:start]
    if lead.strip() or _is_continued(source, line):
        return _Splice(start, start, _inline(source, edit) + "; ")
    return _Splice(line, line, _lines(source, edit, lead) + source.newline)


def _behind(source: Source, stmt: ast.stmt, edit: Edit) -> _Splice:
    start, end = source.span(stmt)
    line_end = source.line_end(end)
    tail = source.text[end:line_end]
    lead = source.text[source.line_start(start) : start]
    top_level = stmt in source.tree.body
    if _is_compound(stmt):
        if not _CLOSED_LINE_TAIL.fullmatch(tail):
            raise _unfit(source, edit, "the statement's last line goes on behind it")
    elif not _LINE_TAIL.fullmatch(tail) or (lead.strip() and not top_level):
        return _Splice(end, end, "; " + _inline(source, edit))
    text = _lines(source, edit, "" if top_level else lead)
    if line_end == len(source.text):
        return _Splice(line_end, line_end, source.newline + text)
    behind = line_end + (2 if source.text.startswith("\r\n", line_end) else 1)
    return _Splice(behind, behind, text + source.newline)


def _is_continued(source: Source, line: int) -> bool:
    return bool(re.search(r"\\(\r\n|\r|\n)\Z", source.text[max(line - 3, 0) : line]))


def _is_compound(stmt: ast.stmt) -> bool:
    return hasattr(stmt, "body") or isinstance(stmt, ast.Match)


def _lines(source: Source, edit: Edit, lead: str) -> str:
    """The code as lines of their own, indented as far as the line that starts with `lead`."""
    indentation = lead.rpartition("\f")[2]
    code = textwrap.dedent(edit.code).strip("\r\n")
    tree = _parsed(source, edit, code)
    if indentation and any(
        isinstance(node, (ast.Constant, ast.JoinedStr)) and node.end_lineno != node.lineno
        for node in ast.walk(tree)
    ):
        raise _unfit(source, edit, "indenting it would change a string over several lines")
    return textwrap.indent(code, indentation).replace("\n", source.newline)


def _inline(source: Source, edit: Edit) -> str:
    """The code as part of a line that holds other statements."""
    code = textwrap.dedent(edit.code)
    body = _parsed(source, edit, code).body
    if any(_is_compound(stmt) for stmt in body):
        raise _unfit(source, edit, "a compound statement cannot share a line with others")
    segments = (ast.get_source_segment(code, stmt) or "" for stmt in body)
    return "; ".join(segments).replace("\n", source.newline)


def _expression(source: Source, edit: Edit) -> str:
    try:
        ast.parse(edit.code.strip(), mode="eval")
    except SyntaxError as error:
        raise _unfit(source, edit, f"not an expression: {error.msg}") from None
    return edit.code.strip()


def _parsed(source: Source, edit: Edit, code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except SyntaxError as error:
        raise _unfit(source, edit, f"not Python: {error.msg}") from None


def _unfit(source: Source, edit: Edit, trouble: str) -> RecipeError:
    return RecipeError(
        f"the code for this place cannot be written there: {trouble}",
        file=source.file,
        place=str(edit.place),
    )
