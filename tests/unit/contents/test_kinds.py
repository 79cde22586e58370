"""What files are for, by their names and first bytes."""

import re
from pathlib import Path

import pytest

from slimwheel.contents import Kind
from slimwheel.contents.kinds import file_kind, is_test

DOCS = Path(__file__).parents[3] / "docs" / "inspect.md"


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        ("p/include/ATen/ATen.h", Kind.HEADERS),
        ("p/lib/tmp/TH.CUH", Kind.HEADERS),
        ("p/include/cub/version", Kind.HEADERS),
        ("p/version", Kind.OTHER),
        ("p/share/cmake/P/PConfig.cmake", Kind.CMAKE),
        ("p/CMakeLists.txt", Kind.CMAKE),
        ("p/__init__.py", Kind.PYTHON),
        ("p/__init__.pyi", Kind.PYTHON),
        ("p/__pycache__/a.cpython-311.pyc", Kind.BYTECODE),
        ("p/testing/common.py", Kind.PYTHON),
        ("p/contest.py", Kind.PYTHON),
        ("p/latest/model.bin", Kind.OTHER),
        ("p/tests/model.bin", Kind.TESTS),
        ("p/test_all.py", Kind.TESTS),
        ("p/ops/add_test.py", Kind.TESTS),
        ("p/operator_test/add.py", Kind.TESTS),
        ("p/LICENSE", Kind.LICENCES),
        ("p/third_party/COPYING.txt", Kind.LICENCES),
        ("p/license.py", Kind.PYTHON),
        ("p-1.0.dist-info/licenses/a/b.md", Kind.LICENCES),
        ("p-1.0.dist-info/NOTICE", Kind.LICENCES),
        ("p-1.0.dist-info/RECORD", Kind.METADATA),
        ("p-1.0.data/scripts/run", Kind.OTHER),
    ],
)
def test_by_name(member: str, kind: Kind) -> None:
    assert file_kind(member, b"contents") is kind


def test_by_first_bytes() -> None:
    assert file_kind("p/lib/libp.a", b"!<arch>\n") is Kind.STATIC_ARCHIVES
    assert file_kind("p/lib/libp.a", b"text") is Kind.OTHER
    assert file_kind("p-1.0.data/scripts/run", b"#!python", executable=True) is Kind.PYTHON


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("p/bin/test_api", True),
        ("p/bin/FileStoreTest", True),
        ("p/lib/libjitbackend_test.so", True),
        ("p/lib/libmodule_test_dynamic.so", True),
        ("p/test/basic", True),
        ("p/bin/protoc", False),
        ("p/lib/libattestation.so", False),
        ("p/bin/GREATEST", False),
    ],
)
def test_programs_that_test(member: str, expected: bool) -> None:
    assert is_test(member) is expected


def test_every_kind_has_words_of_its_own_and_is_documented() -> None:
    assert len({kind.label for kind in Kind}) == len(Kind)
    rows = re.findall(r"^\| ([^|]+) \| ", DOCS.read_text("utf-8"), re.MULTILINE)
    assert {kind.label for kind in Kind} <= set(rows)
