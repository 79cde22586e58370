"""RECORD, read and written."""

import base64
import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimwheel.errors import WheelError
from slimwheel.wheelfile.record import RecordEntry, format_record, parse_record, record_line

DIGEST = hashlib.sha256(b"torch").digest()
ENCODED = base64.urlsafe_b64encode(DIGEST).rstrip(b"=").decode()


def parse(text: str) -> dict[str, RecordEntry | None]:
    return parse_record(text, file="torch.whl", name="RECORD")


def test_a_line_has_name_hash_and_size() -> None:
    entries = parse(f"a.py,sha256={ENCODED},5\nRECORD,,\n")
    assert entries == {"a.py": RecordEntry("sha256", DIGEST, 5), "RECORD": None}


def test_names_may_hold_commas_and_quotes() -> None:
    text = f'"a,b ""c"".py",sha256={ENCODED},5\n'
    assert list(parse(text)) == ['a,b "c".py']


def test_sizes_padding_and_line_ends_may_differ() -> None:
    entries = parse(f"a,sha256={ENCODED}=,\r\n\r\nb,sha512={'A' * 86},0\r\n")
    assert entries["a"] == RecordEntry("sha256", DIGEST, None)
    assert entries["b"] == RecordEntry("sha512", bytes(64), 0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a.py,md5=1B2M2Y8AsgTpgAmY7PhCfg,0\n", "md5"),
        ("a.py,sha1=2jmj7l5rSw0yVb_vlWAYkK_YBwk,0\n", "sha1"),
        ("a.py,=abc,0\n", "sha256 or better"),
        ("a.py,sha256=not base64!,0\n", "not a hash"),
        ("a.py,sha256=AAAA,0\n", "of 3 bytes"),
        (f"a.py,sha256={ENCODED},five\n", "not a hash and a size"),
        (f"a.py,sha256={ENCODED}\n", "2 fields"),
        (f"a.py,sha256={ENCODED},5,6\n", "4 fields"),
        (f"a.py,sha256={ENCODED},5\na.py,sha256={ENCODED},5\n", "twice"),
        (f'"a.py"x,sha256={ENCODED},5\n', "CSV"),
    ],
)
def test_what_is_no_record_is_an_error_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(WheelError, match=problem) as caught:
        parse(text)
    assert caught.value.file == "torch.whl"
    assert (caught.value.place or "").startswith("RECORD")
    assert caught.value.hint


def test_a_negative_size_is_an_error() -> None:
    with pytest.raises(WheelError):
        parse(f"a.py,sha256={ENCODED},-5\n")


def test_lines_are_sorted_and_record_is_last() -> None:
    lines = [record_line("torch/b.py", DIGEST, 5), record_line("a.py", DIGEST, 5)]
    assert format_record(lines, "A.dist-info/RECORD").decode().split("\n") == [
        f"a.py,sha256={ENCODED},5",
        f"torch/b.py,sha256={ENCODED},5",
        "A.dist-info/RECORD,,",
        "",
    ]


_names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), min_size=1
).filter(lambda name: name != "RECORD")


@given(st.dictionaries(_names, st.tuples(st.binary(max_size=40), st.integers(0, 2**40))))
def test_what_is_written_is_read_again(files: dict[str, tuple[bytes, int]]) -> None:
    hashed = {name: (hashlib.sha256(data).digest(), size) for name, (data, size) in files.items()}
    lines = [record_line(name, digest, size) for name, (digest, size) in hashed.items()]
    entries = parse(format_record(lines, "RECORD").decode())
    assert entries.pop("RECORD") is None
    assert entries == {n: RecordEntry("sha256", d, s) for n, (d, s) in hashed.items()}


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(WheelError):
        parse(text)
