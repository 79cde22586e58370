"""METADATA, WHEEL and entry_points.txt: what is not edited keeps its bytes."""

import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimwheel.errors import WheelError
from slimwheel.wheelfile.metadata import Headers, entry_point_modules, without_entry_points

UPSTREAM = """\
Metadata-Version: 2.4
Name: torch
Version:  2.13.0+cpu
Summary: Tensors, für alle
Description:
        A folded line
        \tand another
Classifier: Topic :: Scientific/Engineering
Classifier: Programming Language :: C++
requires-dist: sympy (>=1.13.3)
Requires-Dist: triton==3.4 ; platform_system == "Linux"
License: BSD-3-Clause: see LICENSE

![logo](é.png)

Name: this is text\r
"""


def headers(text: str) -> Headers:
    return Headers.parse(text.encode(), file="torch.whl", name="METADATA")


def test_what_is_not_edited_keeps_its_bytes() -> None:
    assert headers(UPSTREAM).to_bytes() == UPSTREAM.encode()


def test_values_are_as_an_email_reader_sees_them() -> None:
    ours = headers(UPSTREAM)
    theirs = email.message_from_string(UPSTREAM, policy=email.policy.compat32)
    for key in ("Name", "version", "Summary", "License", "Absent"):
        found = theirs.get(key)
        assert ours.get(key) == (found.strip() if found is not None else None)
    assert ours.get_all("REQUIRES-DIST") == theirs.get_all("Requires-Dist")
    assert ours.get_all("Classifier") == theirs.get_all("Classifier")
    assert (ours.get("Description") or "").split() == str(theirs["Description"]).split()


def test_set_add_and_remove_touch_their_lines_only() -> None:
    edited = headers(UPSTREAM)
    edited.set("Name", "torch-cpu")
    edited.add("Requires-Dist", "torch==2.13.0+slim.cpu")
    removed = edited.remove("Requires-Dist", lambda value: value.startswith("triton"))
    edited.set("Obsoletes-Dist", "nothing")
    assert removed == ['triton==3.4 ; platform_system == "Linux"']
    before, after = UPSTREAM.split("\n"), edited.to_bytes().decode().split("\n")
    assert [line for line in after if line not in before] == [
        "Name: torch-cpu",
        "Requires-Dist: torch==2.13.0+slim.cpu",
        "Obsoletes-Dist: nothing",
    ]
    assert [line for line in before if line not in after] == [
        "Name: torch",
        'Requires-Dist: triton==3.4 ; platform_system == "Linux"',
    ]
    assert (
        after.index("Requires-Dist: torch==2.13.0+slim.cpu")
        == after.index("requires-dist: sympy (>=1.13.3)") + 1
    )


def test_headers_may_end_in_crlf_or_not_at_all() -> None:
    assert headers("Name: torch\r\nVersion: 1\r\n\r\nbody\r\n").get("Version") == "1"
    edited = headers("Name: torch\r\nVersion: 1\r\n\r\nbody\r\n")
    assert edited.to_bytes() == b"Name: torch\nVersion: 1\r\n\r\nbody\r\n"
    assert headers("Name: torch").to_bytes() == b"Name: torch\n"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a header"),
        (b" folded first\n", "not a header"),
        (b"Name: torch\nno colon here\n", "not a header"),
        (b"Name : torch\n", "not a header"),
        (b": torch\n", "not a header"),
        (b"Name: t\xf6rch\n", "UTF-8"),
    ],
)
def test_what_is_no_header_is_an_error(data: bytes, problem: str) -> None:
    with pytest.raises(WheelError, match=problem) as caught:
        Headers.parse(data, file="torch.whl", name="METADATA")
    assert caught.value.file == "torch.whl"
    assert (caught.value.place or "").startswith("METADATA")
    assert caught.value.hint


_keys = st.from_regex(r"[A-Z][A-Za-z-]{0,10}", fullmatch=True)
_values = st.text(st.characters(exclude_categories=("C", "Z")), max_size=20)
_blocks = st.tuples(st.lists(st.tuples(_keys, _values), min_size=1), st.text(max_size=50))


@given(_blocks)
def test_any_block_survives(block: tuple[list[tuple[str, str]], str]) -> None:
    fields, body = block
    text = "".join(f"{key}: {value}\n" for key, value in fields) + "\n" + body
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    read = Headers.parse(data, file="", name="")
    assert read.to_bytes() == data
    for key, _ in fields:
        same = [v for k, v in fields if k.lower() == key.lower()]
        assert read.get_all(key) == same


ENTRY_POINTS = """\
[console_scripts]
torchrun = torch.distributed.run:main
convert-caffe2-to-onnx = caffe2.python.onnx.bin.conversion:caffe2_to_onnx [onnx]

# backends = of others
[torch.distributed.backends]
nccl = torch.distributed.nccl
"""


def test_entry_points_name_modules() -> None:
    assert entry_point_modules(ENTRY_POINTS) == [
        ("console_scripts", "torchrun", "torch.distributed.run"),
        ("console_scripts", "convert-caffe2-to-onnx", "caffe2.python.onnx.bin.conversion"),
        ("torch.distributed.backends", "nccl", "torch.distributed.nccl"),
    ]


def test_entry_points_go_with_groups_left_empty() -> None:
    gone = [("torch.distributed.backends", "nccl")]
    left = without_entry_points(ENTRY_POINTS, gone)
    assert left == ENTRY_POINTS[: ENTRY_POINTS.index("[torch.distributed.backends]")]
    left = without_entry_points(ENTRY_POINTS, [("console_scripts", "convert-caffe2-to-onnx")])
    assert left == ENTRY_POINTS.replace(ENTRY_POINTS.split("\n")[2] + "\n", "")


def test_the_same_name_in_another_group_stays() -> None:
    text = "[a]\nrun = x:y\n[b]\nrun = x:z\n"
    assert without_entry_points(text, [("b", "run")]) == "[a]\nrun = x:y\n"


def test_no_entry_point_to_remove_changes_nothing() -> None:
    assert without_entry_points(ENTRY_POINTS, []) == ENTRY_POINTS
