"""The bill of materials, held against CycloneDX's own schema."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from slimwheel.build.sbom import DeviceCode, RuleSummary, Subject, Upstream, make_sbom

SUBJECT = Subject("torch-cpu", "2.13.0+cpu")
UPSTREAM = Upstream(
    "torch", "2.13.0+cpu", "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", "ab" * 32
)
RULES = [
    RuleSummary("headers", 9000, 60_000_000, "Only compilers read them.", "C++ extensions."),
    RuleSummary("tests", 12, 5_000_000, "Nothing imports them.", "Nothing."),
]
CHANGES = ["Symbol tables of 9 ELF files were removed.", "torch/__init__.py calls the shim."]
TOOLS = {"slimwheel": "0.1.0", "deflate": "0.9.0", "patchelf": "0.19.3"}
TIME = datetime(1980, 1, 1, tzinfo=UTC)
DEVICE_CODE = DeviceCode(["8.0", "9.0"], ["sm_80", "sm_90a"], ["8.0", "8.6", "9.0"], ptx=False)


def _made(**changed: Any) -> bytes:
    arguments: dict[str, Any] = {
        "subject": SUBJECT,
        "upstream": UPSTREAM,
        "rules": RULES,
        "changes": CHANGES,
        "tools": TOOLS,
        "timestamp": TIME,
    }
    return make_sbom(**(arguments | changed))


@pytest.mark.parametrize(
    "changed", [{}, {"rules": []}, {"device_code": DEVICE_CODE}, {"device_code": None}]
)
def test_it_follows_the_schema(changed: dict[str, Any]) -> None:
    errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str(_made(**changed).decode())
    assert errors is None


def test_the_same_input_gives_the_same_bytes_in_whatever_order_tools_come() -> None:
    assert _made() == _made(tools=dict(reversed(TOOLS.items())))


@pytest.mark.parametrize(
    "changed",
    [
        {"subject": SUBJECT._replace(version="2.13.0+cpu.packed")},
        {"upstream": UPSTREAM._replace(sha256="cd" * 32)},
        {"rules": RULES[:1]},
        {"changes": CHANGES[:1]},
        {"tools": TOOLS | {"deflate": "1.0"}},
        {"timestamp": datetime(2026, 1, 1, tzinfo=UTC)},
        {"device_code": DEVICE_CODE},
    ],
)
def test_whatever_differs_gives_another_serial_number(changed: dict[str, Any]) -> None:
    serial = json.loads(_made())["serialNumber"]
    assert serial.startswith("urn:uuid:")
    assert json.loads(_made(**changed))["serialNumber"] != serial


def test_upstream_is_the_ancestor() -> None:
    component = json.loads(_made())["metadata"]["component"]
    assert component["purl"] == "pkg:pypi/torch-cpu@2.13.0%2Bcpu"
    (ancestor,) = component["pedigree"]["ancestors"]
    assert ancestor["purl"].startswith("pkg:pypi/torch@2.13.0%2Bcpu?file_name=torch-2.13.0")
    assert ancestor["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]


def test_it_says_what_was_removed_and_changed_and_by_what() -> None:
    metadata = json.loads(_made())["metadata"]
    properties = {p["name"]: p["value"] for p in metadata["component"]["properties"]}
    assert properties["slimwheel:removed:headers:bytes"] == "60000000"
    assert properties["slimwheel:removed:headers:loses"] == "C++ extensions."
    assert properties["slimwheel:removed:tests:files"] == "12"
    notes = metadata["component"]["pedigree"]["notes"]
    for words in ("modified", "licence", *CHANGES, *(rule.reason for rule in RULES)):
        assert words in notes
    assert {t["name"]: t["version"] for t in metadata["tools"]["components"]} == TOOLS
    assert metadata["timestamp"] == "1980-01-01T00:00:00+00:00"


def test_it_says_which_gpus_have_their_code_in_it() -> None:
    component = json.loads(_made(device_code=DEVICE_CODE))["metadata"]["component"]
    properties = {p["name"]: p["value"] for p in component["properties"]}
    assert {name: properties[name] for name in properties if "device-code" in name} == {
        "slimwheel:device-code:devices": "8.0 9.0",
        "slimwheel:device-code:architectures": "sm_80 sm_90a",
        "slimwheel:device-code:served": "8.0 8.6 9.0",
        "slimwheel:device-code:ptx": "false",
    }
    assert properties["slimwheel:removed:tests:files"] == "12"
    assert "compute capability 8.0, 8.6, 9.0 only" in component["pedigree"]["notes"]


def test_a_build_that_leaves_device_code_alone_says_nothing_of_it() -> None:
    assert b"evice" not in _made()
