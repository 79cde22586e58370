"""What a source imports, as far as reading it tells."""

import ast
import warnings
from typing import Any, List, NamedTuple, Optional, Tuple

from .errors import NotPortable

Import = NamedTuple(
    "Import",
    [
        ("module", str),  # absolute; with its dots where a relative import leads nowhere
        ("name", str),  # what is taken from it, "*" for all, "" for the module itself
        ("text", str),  # as errors quote it
        ("line", int),
        ("optional", bool),  # in a function or a branch, or the source copes without it
        ("dynamic", bool),  # a call with a literal name, no statement
    ],
)

# `exported`: the literal names in __all__, which `from ... import *` takes.
Reading = NamedTuple("Reading", [("imports", List[Import]), ("exported", List[str])])

_TRY = (ast.Try, getattr(ast, "TryStar", ast.Try))
_CAUGHT = ("ImportError", "ModuleNotFoundError", "Exception", "BaseException")
_CALLS = ("import_module", "__import__")
_MAYBE = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    getattr(ast, "match_case", ast.Lambda),  # since Python 3.10
)


def read(code: bytes, filename: str, name: str, is_package: bool) -> Reading:
    """Reads the source of the module `name`. Imports come in the order of their lines.

    What only type checkers see is left out.

    Raises:
        NotPortable: this Python cannot parse it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code, filename)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        reason = getattr(error, "msg", None) or str(error) or type(error).__name__
        raise NotPortable("%s:%d: no valid source: %s" % (filename, line, reason), filename, line)
    package = name if is_package else name.rpartition(".")[0]
    reading = Reading([], [])
    # Only calls are looked for in expressions, which are most of a source.
    calls = any(call.encode("ascii") in code for call in _CALLS)
    # Not recursive: long sums nest deeper than Python's stack.
    stack = [(tree, False)]  # type: List[Tuple[Any, bool]]
    while stack:
        node, optional = stack.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                text = "import " + alias.name
                reading.imports.append(Import(alias.name, "", text, node.lineno, optional, False))
        elif isinstance(node, ast.ImportFrom):
            reading.imports.extend(_from(node, package, optional))
        elif isinstance(node, ast.Call):
            reading.imports.extend(_call(node, name, package, optional))
        elif isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
            if node.value and any(getattr(target, "id", None) == "__all__" for target in targets):
                literals = map(_literal, ast.walk(node.value))
                reading.exported.extend(text for text in literals if isinstance(text, str))
        if calls or not isinstance(node, ast.expr):
            stack.extend(_children(node, optional))
    reading.imports.sort(key=lambda item: item.line)
    return reading


def _from(node: ast.ImportFrom, package: str, optional: bool) -> List[Import]:
    written = "." * node.level + (node.module or "")
    module = _absolute(written, package)
    return [
        Import(
            module,
            alias.name,
            "from %s import %s" % (written, alias.name),
            node.lineno,
            optional,
            False,
        )
        for alias in node.names
    ]


def _absolute(written: str, package: str) -> str:
    tail = written.lstrip(".")
    level = len(written) - len(tail)
    if not level:
        return written
    parts = package.split(".") if package else []
    if level > len(parts):
        return written
    return ".".join(parts[: len(parts) - level + 1] + ([tail] if tail else []))


def _call(node: ast.Call, name: str, package: str, optional: bool) -> List[Import]:
    """`importlib.import_module("a.b")`, `import_module(".b", __package__)`, `__import__("a")`."""
    function = node.func
    if isinstance(function, ast.Attribute):
        known = getattr(function.value, "id", None) in ("importlib", "builtins")
        called = function.attr if known else ""
    else:
        called = getattr(function, "id", "")
    if called not in _CALLS:
        return []
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    given.update(zip(("name", "package"), node.args))
    target = _literal(given.get("name"))
    if not isinstance(target, str) or not target:
        return []
    text = '%s("%s")' % (called, target)
    own = False
    if target.startswith("."):
        # Relative to the module's own name, wherever that is: works in an archive too.
        variable = getattr(given.get("package"), "id", None)
        anchors = {"__package__": package, "__name__": name}
        anchor = anchors.get(str(variable)) or _literal(given.get("package"))
        own = variable in anchors
        if not isinstance(anchor, str):
            return []
        target = _absolute(target, anchor)
    return [Import(target, "", text, node.lineno, optional, not own)]


def _children(node: Any, optional: bool) -> List[Tuple[Any, bool]]:
    """What of a node may run, and whether it may as well not."""
    if isinstance(node, ast.If):
        truth = _truth(node.test)
        body = node.body if truth is not False else []
        orelse = node.orelse if truth is not True else []
        return [(node.test, optional)] + [
            (child, optional or truth is None) for child in body + orelse
        ]
    if isinstance(node, _TRY):
        # The handlers too: what they import is there where the other is not.
        guarded = optional or any(_catches(handler.type) for handler in node.handlers)
        children = node.body + node.handlers + node.orelse
        return [(child, guarded) for child in children] + [(c, optional) for c in node.finalbody]
    if isinstance(node, ast.With):
        optional = optional or any(_suppresses(item.context_expr) for item in node.items)
    optional = optional or isinstance(node, _MAYBE)
    return [(child, optional) for child in ast.iter_child_nodes(node)]


def _truth(test: Any) -> Optional[bool]:
    """What a condition is at run time, None where that is open."""
    if "TYPE_CHECKING" in (getattr(test, "id", None), getattr(test, "attr", None)):
        return False
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _truth(test.operand)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        decisive = isinstance(test.op, ast.Or)
        truths = set(map(_truth, test.values))
        return decisive if decisive in truths else None if None in truths else not decisive
    value = _literal(test)
    return None if value is None else bool(value)


def _catches(kind: Any) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(map(_catches, kind.elts))
    return kind is None or getattr(kind, "id", getattr(kind, "attr", None)) in _CAUGHT


def _suppresses(node: Any) -> bool:
    function = getattr(node, "func", None)
    name = getattr(function, "id", getattr(function, "attr", None))
    return name == "suppress" and any(map(_catches, node.args))


def _literal(node: Any) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
