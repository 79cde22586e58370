"""Comparison of two runs of the battery, on made-up results."""

import json

import pytest

from slimwheel.errors import ToolError
from slimwheel.verify.compare import BatteryResult, Comparison, Difference, Result, compare

SETTING = {"torch": "2.0", "python": "3.11.7", "machine": "x86_64", "instructions": "AVX2"}


def compared(upstream: Result | None, slim: Result | None) -> Comparison:
    """The comparison of two runs in which one record, `r`, came out so; None if it is absent."""
    beside = {"other": Result("ok", "00")}
    left, right = (
        BatteryResult(SETTING, beside | ({} if result is None else {"r": result}))
        for result in (upstream, slim)
    )
    return compare(left, right)


def test_equal_bytes_are_equal_whatever_time_they_took() -> None:
    comparison = compared(Result("ok", "ab", seconds=1.0), Result("ok", "ab", seconds=2.0))
    assert comparison.ok
    assert comparison.equal == ["other", "r"]


def test_other_bytes_are_different() -> None:
    comparison = compared(Result("ok", "ab"), Result("ok", "cd"))
    assert not comparison.ok
    assert comparison.different == [Difference("r", "ok: ab", "ok: cd")]
    assert comparison.equal == ["other"]


def test_what_was_expected_to_differ_is_by_design_and_has_its_reason() -> None:
    upstream = BatteryResult(SETTING, {"a": Result("ok", "1"), "b": Result("ok", "2")})
    slim = BatteryResult(SETTING, {"a": Result("ok", "1"), "b": Result("ok", "3")})
    comparison = compare(upstream, slim, {"a": "it may", "b": "it does", "absent": "it would"})
    assert comparison.ok
    assert comparison.by_design == {"b": "it does"}
    assert comparison.equal == ["a"]
    assert not compare(upstream, slim, {"a": "it may"}).ok


@pytest.mark.parametrize(
    ("status", "place"),
    [
        ("skipped", "skipped"),
        ("unstable", "unstable"),
        ("error", "errors"),
        ("crashed", "crashed"),
    ],
)
def test_what_is_so_on_both_sides_is_listed_with_its_reason(status: str, place: str) -> None:
    comparison = compared(Result(status, detail="why"), Result(status, detail="why"))
    assert comparison.ok
    assert getattr(comparison, place) == {"r": "why"}
    assert comparison.equal == ["other"]


@pytest.mark.parametrize("status", ["skipped", "error", "crashed"])
@pytest.mark.parametrize(
    "slim", [Result("ok", "ab"), Result("error", detail="another reason"), None]
)
def test_what_is_so_on_one_side_is_different(status: str, slim: Result | None) -> None:
    there = Result(status, detail="why")
    for pair in ((there, slim), (slim, there)):
        comparison = compared(*pair)
        assert not comparison.ok
        assert [difference.name for difference in comparison.different] == ["r"]


def test_unstable_bytes_are_not_compared_but_a_failure_is() -> None:
    unstable = Result("unstable", "ab", "varies")
    assert compared(unstable, Result("unstable", "cd", "varies")).ok
    assert not compared(unstable, Result("error", detail="RuntimeError: broken")).ok


def test_another_setting_is_a_difference() -> None:
    records = {"r": Result("ok", "ab")}
    comparison = compare(
        BatteryResult(SETTING, records), BatteryResult({**SETTING, "torch": "2.1"}, records)
    )
    assert comparison.different == [Difference("setting.torch", "2.0", "2.1")]


def test_for_which_devices_a_build_is_may_change() -> None:
    records = {"r": Result("ok", "ab")}
    upstream, slim = (
        BatteryResult({**SETTING, "torch": version}, records)
        for version in ("2.0+cu130", "2.0+cpu")
    )
    assert compare(upstream, slim).ok


def test_nothing_compared_is_not_ok() -> None:
    nothing = BatteryResult(SETTING, {"r": Result("skipped", detail="no such function here")})
    assert not compare(nothing, nothing).ok


def test_json_round_trip() -> None:
    result = BatteryResult(SETTING, {"r": Result("ok", "ab", "", 0.5)})
    assert BatteryResult.from_json(json.loads(json.dumps(result.to_json()))) == result
    report = compare(result, result).to_json()
    assert json.loads(json.dumps(report))["equal"] == ["r"]
    assert report["ok"] is True


def test_another_schema_is_refused() -> None:
    with pytest.raises(ToolError, match="schema 2"):
        BatteryResult.from_json({"schema": 2, "records": {}})
