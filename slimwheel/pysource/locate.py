"""Finds a place in a syntax tree."""

import ast
from collections.abc import Iterator
from typing import TypeAlias

from slimwheel.pysource.place import Place, PlaceNotFound
from slimwheel.pysource.source import Source

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def importing_statement(source: Source, modules: list[str], *, star: bool) -> ast.stmt | None:
    """The first top-level statement that imports one of the modules when the file is imported.

    Args:
        source: the file.
        modules: dotted names; importing something inside a module imports the module.
        star: count only `from MODULE import *`.
    """

    def imports(node: ast.AST) -> bool:
        if star and not (isinstance(node, ast.ImportFrom) and node.names[0].name == "*"):
            return False
        if star:
            return _base(node, source.package) in modules
        return any(
            name == module or name.startswith(module + ".")
            for name in _imported(node, source.package)
            for module in modules
        )

    return next(
        (stmt for stmt in source.tree.body if any(map(imports, _executed(stmt)))),
        None,
    )


def functions(source: Source, place: Place) -> list[Function]:
    """Every definition of a function; see `Place`.

    Raises:
        PlaceNotFound: there is none, or it lacks the parameter that the place names.
    """
    dotted, _, parameter = place.name.removesuffix(")").partition("(")
    *classes, name = dotted.split(".")
    scopes: list[list[ast.stmt]] = [source.tree.body]
    for cls in classes:
        scopes = [
            node.body
            for scope in scopes
            for node in _scope(scope)
            if isinstance(node, ast.ClassDef) and node.name == cls
        ]
    found = [
        node
        for scope in scopes
        for node in _scope(scope)
        if isinstance(node, _FUNCTION) and node.name == name
    ]
    if not found:
        raise PlaceNotFound("no such function", file=source.file, place=str(place))
    if parameter and not all(parameter in _parameters(node) for node in found):
        raise PlaceNotFound("no such parameter", file=source.file, place=str(place))
    return found


def assigned_value(source: Source, place: Place) -> ast.expr:
    """The value of the one module-level assignment to a name.

    Raises:
        PlaceNotFound: there is none, or more than one.
    """
    values = [
        node.value
        for node in _scope(source.tree.body)
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        and node.value is not None
        and any(
            isinstance(target, ast.Name) and target.id == place.name
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        )
    ]
    if len(values) != 1:
        trouble = "more than one such assignment" if values else "no such assignment"
        raise PlaceNotFound(trouble, file=source.file, place=str(place))
    return values[0]


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what runs in it when the file is imported."""
    yield node
    if isinstance(node, (*_FUNCTION, ast.Lambda)):
        return
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and _is_type_checking(node.test):
        children = iter(node.orelse)
    for child in children:
        yield from _executed(child)


def _scope(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """The nodes of one scope: not those inside its functions and classes."""
    pending: list[ast.AST] = list(body)
    while pending:
        node = pending.pop(0)
        yield node
        if not isinstance(node, (*_FUNCTION, ast.ClassDef, ast.Lambda)):
            pending[:0] = ast.iter_child_nodes(node)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    """Dotted names that an import statement loads, or may load where they name submodules."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _base(node, package)
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")


def _base(node: ast.AST, package: str) -> str:
    assert isinstance(node, ast.ImportFrom)
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _parameters(node: Function) -> set[str]:
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [star for star in (arguments.vararg, arguments.kwarg) if star]
    return {argument.arg for argument in every}
