"""What upstream's own wheels have: the table in docs/findings.md is true."""

import re
from collections import Counter
from pathlib import Path

import pytest

from slimwheel.verify.findings import Code
from slimwheel.verify.static import check_wheel

pytestmark = pytest.mark.wheels

PAGE = (Path(__file__).parents[2] / "docs" / "findings.md").read_text("utf-8")


def documented(wheel: str) -> dict[Code, int]:
    (row,) = re.findall(rf"^\| {re.escape(wheel)}, .*$", PAGE, re.MULTILINE)
    return {Code(code): int(count) for count, code in re.findall(r"(\d+) (SW\d{3})", row)}


def counted(path: Path) -> dict[Code, int]:
    return dict(Counter(finding.code for finding in check_wheel(path)))


def test_the_official_cpu_build(torch_cpu_upstream: Path) -> None:
    assert counted(torch_cpu_upstream) == documented("torch 2.13.0+cpu")


def test_the_cuda_build(torch_cuda_upstream: Path) -> None:
    assert counted(torch_cuda_upstream) == documented("torch 2.14.1")


def test_an_old_build(torch_100_upstream: Path) -> None:
    assert counted(torch_100_upstream) == documented("torch 1.0.0")
    (driver,) = (f for f in check_wheel(torch_100_upstream) if f.code is Code.NEEDED_MISSING)
    assert driver.subject == "libcuda.so.1"
