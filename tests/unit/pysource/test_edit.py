"""Where edits go, and that nothing else changes."""

import pytest

from slimwheel.errors import RecipeError, WheelError
from slimwheel.pysource import Edit, PlaceNotFound, apply, insert, parse_place

INIT = "torch/__init__.py"
DECORATED = "def f():\n  # c\n  X\n  Y()\n  @d\n  def g(): 1\n"


def put(source: str, place: str, code: str = "X", file: str = INIT) -> str:
    return insert(source.encode(), place, code, file).decode()


@pytest.mark.parametrize(
    "statement",
    [
        "import torch._C\n",
        "import torch._C as c\n",
        "import os, torch._C.sub\n",
        "from torch._C import *\n",
        "from torch import _C\n",
        "from torch._C._sub import f\n",
        "from . import _C\n",
        "from ._C import f\n",
        "if a:\n    load()\n    from torch._C import *\nelse:\n    pass\n",
        "try:\n    pass\nfinally:\n    import torch._C\n",
        "class K:\n    import torch._C\n",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import torch._C\n",
    ],
)
def test_what_imports(statement: str) -> None:
    head = "import os\n"
    assert put(head + statement, "before-import:torch._C") == head + "X\n" + statement
    assert put(head + statement + "a = 1\n", "after-import:torch._C") == (
        head + statement + "X\na = 1\n"
    )


@pytest.mark.parametrize(
    "statement",
    [
        "import torch._Casual\n",
        "from torch import _Casual\n",
        "from .. import _C\n",
        "def f():\n    import torch._C\n",
        "async def f():\n    import torch._C\n",
        "class K:\n    def f(self):\n        import torch._C\n",
        "if TYPE_CHECKING:\n    import torch._C\n",
        "if typing.TYPE_CHECKING:\n    from torch._C import *\n",
        "'import torch._C'\n",
    ],
)
def test_what_does_not_import(statement: str) -> None:
    for place in ("before-import:torch._C", "after-import:torch._C"):
        with pytest.raises(PlaceNotFound) as caught:
            put(statement, place)
        assert (caught.value.file, caught.value.place) == (INIT, place)
        assert put(statement + "import torch._C\n", place).startswith(statement)


def test_relative_import_depends_on_the_file() -> None:
    source = "from .. import _C\n"
    assert put(source, "before-import:torch._C", file="torch/a/b.py") == "X\n" + source


def test_first_of_several_modules() -> None:
    source = "try:\n    import torch._nvrtc\nexcept E:\n    pass\nfrom torch._C import *\n"
    assert put(source, "before-import:torch._C,torch._nvrtc").startswith("X\ntry:")
    assert put(source, "before-import:torch._C").endswith("X\nfrom torch._C import *\n")


def test_after_prefers_the_star_import() -> None:
    source = "import torch._C as c\nfrom torch._C.sub import *\nfrom torch._C import *\nb = 1\n"
    assert put(source, "after-import:torch._C").endswith("import *\nX\nb = 1\n")


@pytest.mark.parametrize(
    ("source", "place", "result"),
    [
        ("a; import m; b\n", "before-import:m", "a; X; Y(); import m; b\n"),
        ("a; import m; b\n", "after-import:m", "a; import m; X; Y(); b\n"),
        ("a; import m  # why\n", "after-import:m", "a; import m  # why\nX\nY()\n"),
        ("import m;\n", "after-import:m", "import m; X; Y();\n"),
        ("a; \\\nimport m\n", "before-import:m", "a; \\\nX; Y(); import m\n"),
        ("import m\\\n; b\n", "after-import:m", "import m; X; Y()\\\n; b\n"),
        ("if a: import m;\n", "after-import:m", "if a: import m;\nX\nY()\n"),
        ("def f(): return 1\n", "function:f", "def f(): X; Y(); return 1\n"),
        ("def f(): 'doc'\n", "function:f", "def f(): 'doc'; X; Y()\n"),
        ("def f(): 'doc'; a\n", "function:f", "def f(): 'doc'; X; Y(); a\n"),
        ("def f():\n\treturn 1\n", "function:f", "def f():\n\tX\n\tY()\n\treturn 1\n"),
        ("def f():\n  '''d\n  '''\n", "function:f", "def f():\n  '''d\n  '''\n  X\n  Y()\n"),
        ("def f():\n  # c\n  @d\n  def g(): 1\n", "function:f", DECORATED),
        ("import m", "after-import:m", "import m\nX\nY()"),
        ("import m", "before-import:m", "X\nY()\nimport m"),
        ("\fimport m\n", "before-import:m", "X\nY()\n\fimport m\n"),
        ("def f():\n \f  a\n", "function:f", "def f():\n  X\n  Y()\n \f  a\n"),
        ("'é'; import m; b\n", "after-import:m", "'é'; import m; X; Y(); b\n"),
    ],
)
def test_lines_and_parts_of_lines(source: str, place: str, result: str) -> None:
    assert put(source, place, "X\nY()\n") == result


def test_comments_of_the_code_stay_off_shared_lines() -> None:
    assert put("a; import m\n", "before-import:m", "X  # why\nY") == "a; X; Y; import m\n"
    assert put("import m\n", "before-import:m", "X  # why\nY") == "X  # why\nY\nimport m\n"


def test_functions() -> None:
    source = """\
if a:
    def f(p):
        one
else:
    def f(p, *q):
        '''Doc.'''
        two
class K:
    def f(self):
        three
    class L:
        async def f(self, *, p):
            four
def g():
    def f(p):
        five
"""
    both = source.replace("        one", "        X\n        one")
    both = both.replace("        two", "        X\n        two")
    assert put(source, "function:f") == both
    assert put(source, "function:f(p)") == both
    assert put(source, "function:K.f") == source.replace("        th", "        X\n        th")
    assert put(source, "function:K.L.f(p)") == source.replace(
        "            four", "            X\n            four"
    )
    for place in ("function:f(q)", "function:K.f(p)", "function:h", "function:K.g", "function:g.f"):
        with pytest.raises(PlaceNotFound):
            put(source, place)


def test_assignment() -> None:
    source = "debug = False\nversion: str = ('1' +\n  '2')  # c\nname: str\n"
    assert put(source, "assignment:debug", "True") == source.replace("False", "True")
    assert put(source, "assignment:version", "'3'") == (
        "debug = False\nversion: str = ('3')  # c\nname: str\n"
    )
    for place in ("assignment:name", "assignment:other"):
        with pytest.raises(PlaceNotFound, match="no such assignment"):
            put(source, place)
    with pytest.raises(PlaceNotFound, match="more than one"):
        put("a = 1\na = 2\n", "assignment:a")
    with pytest.raises(RecipeError, match="not an expression"):
        put(source, "assignment:debug", "x = 1")


@pytest.mark.parametrize(
    "source",
    [
        "# coding: latin-1\n# é\nimport m\n".encode("latin-1"),
        b"\xef\xbb\xbf# \xc3\xa9\nimport m\n",
        b"# a\r\nif a:\r\n    import m\r\nb = 1\r\n",
        b"# a\rimport m\rb = 1\r",
        b"a = '''\x0b\x0c\x1c'''\n\x0cimport m # \xe2\x80\xa8 \xc2\x85\nb = 1\n",
        "# vim: set fileencoding=cp932 :\nimport m # テスト\n".encode("cp932"),
    ],
)
def test_other_bytes_stay(source: bytes) -> None:
    newline = b"\r\n" if b"\r\n" in source else b"\r" if b"\r" in source else b"\n"
    edits = [Edit(parse_place(place), "X = 'y'") for place in ("before-import:m", "after-import:m")]
    result = apply(source, edits, "m.py")
    line = b"X = 'y'" + newline
    assert result.count(line) == 2
    assert result.replace(line, b"") == source


def test_several_edits_of_one_file() -> None:
    source = b"import m\ndef f(): pass\nv = 1\n"
    edits = [
        Edit(parse_place("assignment:v"), "2"),
        Edit(parse_place("function:f"), "A"),
        Edit(parse_place("before-import:m"), "B"),
        Edit(parse_place("function:f"), "C"),
        Edit(parse_place("after-import:m"), "D"),
    ]
    assert apply(source, edits, INIT) == b"B\nimport m\nD\ndef f(): A; C; pass\nv = 2\n"
    assert apply(source, [], INIT) == source
    with pytest.raises(WheelError, match="two edits replace the same text"):
        apply(source, [edits[0], edits[0]], INIT)


def test_code_of_several_lines_is_indented() -> None:
    code = "\n    if a:\n\n        b\n"
    assert put("def f():\n    c\n", "function:f", code) == (
        "def f():\n    if a:\n\n        b\n    c\n"
    )


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("def f(): return 1\n", "if a: b"),
        ("def f(): return 1\n", "match a:\n  case 1: b"),
        ("def f():\n    return 1\n", "a = '''x\ny'''"),
        ("def f():\n    return 1\n", "a b"),
    ],
)
def test_code_that_does_not_fit(source: str, code: str) -> None:
    with pytest.raises(RecipeError, match="cannot be written there") as caught:
        put(source, "function:f", code)
    assert (caught.value.file, caught.value.place) == (INIT, "function:f")


def test_statement_that_goes_on_is_refused() -> None:
    with pytest.raises(RecipeError, match="goes on"):
        put("if a: import m; \\\n\nb\n", "after-import:m")


@pytest.mark.parametrize(
    ("source", "trouble"),
    [
        (b"a = 1\nprint 'x'\n", "line 2: the file does not compile"),
        (b"a = 1\nfrom __future__ import division\n", "line 2: the file does not compile"),
        (b"# coding: no-such\n", "cannot be decoded"),
        (b"# \xff\n", "cannot be decoded"),
        (b"a = '\0'\n", "does not compile"),
        (b"a = " + b"(" * 5000 + b")" * 5000, "does not compile"),
    ],
)
def test_source_that_cannot_be_read(source: bytes, trouble: str) -> None:
    with pytest.raises(WheelError, match=trouble) as caught:
        insert(source, "function:f", "X", INIT)
    assert str(caught.value).startswith(INIT)


def test_result_compiles() -> None:
    source = "import m\nfrom __future__ import division\n"
    with pytest.raises(WheelError):
        put(source, "before-import:m")
    with pytest.raises(WheelError, match="after the edits the file does not compile"):
        put("import m\n", "before-import:m", "return 1")
    with pytest.raises(WheelError, match="does not fit the encoding"):
        insert(b"# coding: ascii\nimport m\n", "before-import:m", "a = 'é'", INIT)


def test_warnings_of_the_source_stay_silent() -> None:
    source = "a = '\\d'\nimport m\n"
    assert put(source, "before-import:m") == "a = '\\d'\nX\nimport m\n"
