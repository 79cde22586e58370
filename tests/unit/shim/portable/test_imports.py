"""Reading a source for its imports."""

import sys
import warnings

import pytest

from slimwheel.shim.torch_ergonomics.models.errors import NotPortable
from slimwheel.shim.torch_ergonomics.models.imports import Import, read


def imports(source: str, name: str = "a.b.c", is_package: bool = False) -> list[Import]:
    return read(source.encode(), "c.py", name, is_package).imports


def names(source: str, optional: bool | None = None) -> list[str]:
    return [i.module for i in imports(source) if optional in (None, i.optional)]


@pytest.mark.parametrize(
    ("statement", "is_package", "module", "name"),
    [
        ("import x.y", False, "x.y", ""),
        ("import x.y as z", False, "x.y", ""),
        ("from x import y", False, "x", "y"),
        ("from x import *", False, "x", "*"),
        ("from . import y", False, "a.b", "y"),
        ("from . import y", True, "a.b.c", "y"),
        ("from .x import y", False, "a.b.x", "y"),
        ("from .x import y", True, "a.b.c.x", "y"),
        ("from ..x.z import y", False, "a.x.z", "y"),
        ("from ... import y", True, "a", "y"),
        ("from ... import y", False, "...", "y"),
        ("from ....x import y", True, "....x", "y"),
        ("import_module('.x', __package__)", False, "a.b.x", ""),
        ("import_module('..x', package=__name__)", True, "a.b.x", ""),
    ],
)
def test_names(statement: str, is_package: bool, module: str, name: str) -> None:
    (found,) = imports(statement, is_package=is_package)
    assert (found.module, found.name, found.line, found.dynamic) == (module, name, 1, False)


def test_each_alias_is_an_import_and_lines_are_in_order() -> None:
    found = imports("def f():\n    import late\nimport x, y.z\nfrom q import (\n  r,\n  s as t)\n")
    assert [(i.module, i.name, i.line, i.text) for i in found] == [
        ("late", "", 2, "import late"),
        ("x", "", 3, "import x"),
        ("y.z", "", 3, "import y.z"),
        ("q", "r", 4, "from q import r"),
        ("q", "s", 4, "from q import s"),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "if TYPE_CHECKING:\n    import x",
        "if typing.TYPE_CHECKING:\n    import x",
        "if TYPE_CHECKING and other:\n    import x",
        "if not TYPE_CHECKING:\n    pass\nelse:\n    import x",
        "if not (TYPE_CHECKING or False):\n    pass\nelse:\n    import x",
        "if False:\n    import x",
        "if 0:\n    import x",
        "'import x'",
        "importlib.import_module(x)",
        "importlib.import_module('.x', package)",
        "self.import_module('x')",
        "import_module()",
        "import_module('')",
        "import_module(3)",
    ],
)
def test_what_never_runs_or_is_not_known(source: str) -> None:
    assert names(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "import x",
        "class C:\n    import x",
        "if not TYPE_CHECKING:\n    import x",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import x",
        "if True:\n    import x",
        "with open('y'):\n    import x",
        "try:\n    pass\nfinally:\n    import x",
        "try:\n    import x\nexcept ValueError:\n    pass",
        "try:\n    pass\nexcept ImportError:\n    pass\nfinally:\n    import x",
    ],
)
def test_what_runs_whenever_the_module_is_imported(source: str) -> None:
    assert names(source, optional=False) == ["x"]


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import x",
        "async def f():\n    import x",
        pytest.param(
            "match v:\n    case 1:\n        import x",
            marks=pytest.mark.skipif(sys.version_info < (3, 10), reason="has no match"),
        ),
        "f = lambda: __import__('x')",
        "if cuda:\n    import x",
        "if cuda:\n    pass\nelse:\n    import x",
        "if sys.version_info >= (3, 8):\n    import x",
        "if TYPE_CHECKING or cuda:\n    import x",
        "try:\n    import x\nexcept ImportError:\n    pass",
        "try:\n    import x\nexcept:\n    pass",
        "try:\n    import x\nexcept (OSError, builtins.ModuleNotFoundError) as error:\n    pass",
        "try:\n    import x\nexcept ValueError:\n    pass\nexcept Exception:\n    pass",
        "try:\n    pass\nexcept ImportError:\n    import x",
        "try:\n    pass\nexcept ImportError:\n    pass\nelse:\n    import x",
        "try:\n    if True:\n        import x\nexcept ImportError:\n    pass",
        "with contextlib.suppress(ImportError):\n    import x",
    ],
)
def test_what_may_as_well_not_run(source: str) -> None:
    assert names(source, optional=True) == ["x"]


def test_calls_with_a_literal() -> None:
    for call in (
        "importlib.import_module('x.y')",
        "import_module(name='x.y')",
        "__import__('x.y')",
        "importlib.import_module('.y', 'x')",
    ):
        (found,) = imports(f"z = [f({call}).attribute]")
        assert (found.module, found.dynamic) == ("x.y", True), call


def test_exported_names() -> None:
    source = b"__all__ = ['a'] + other.__all__\n__all__ += ('b',)\n__all__: list = ['c']\nx = ['d']"
    assert sorted(read(source, "c.py", "c", True).exported) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("source", "line"),
    [(b"x = 1\nx = = 2\n", 2), (b"\n\xff\n", 2), (b"a\0b", 1), (b"# coding: nonsense\n", 1)],
)
def test_no_source(source: bytes, line: int) -> None:
    with pytest.raises(NotPortable, match=r"^c\.py:\d+: no valid source: ") as caught:
        read(source, "c.py", "c", False)
    assert caught.value.filename == "c.py"
    # Some Pythons do not say in which line undecodable bytes are.
    assert caught.value.line in (line, 1)


def test_long_sums_and_deep_brackets() -> None:
    assert names("x = " + "+".join(["1"] * 1500) + "\n__import__('y')") == ["y"]
    with pytest.raises(NotPortable, match=r"^c\.py:1: no valid source: "):
        imports("(" * 5000 + ")" * 5000)


def test_warnings_of_the_compiler_are_not_ours() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert names("x = '\\d'\nimport y") == ["y"]


def test_sources_in_other_encodings() -> None:
    source = "# coding: latin-1\nimport x  # \xe9".encode("latin-1")
    assert [i.module for i in read(source, "c.py", "c", False).imports] == ["x"]
