"""The software bill of materials that every slim wheel carries.

CycloneDX 1.6 in JSON, at `.dist-info/sboms/slimwheel.cdx.json` (PEP 770): the slim distribution,
with upstream as its ancestor and what was done to it as its pedigree. Package URLs follow the
`pypi` type of ECMA-427.
"""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType, Pedigree
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "slimwheel.sbom")


class Subject(NamedTuple):
    """The slim distribution: `torch-cpu`, `2.13.0+cpu`."""

    name: str
    version: str


class Upstream(NamedTuple):
    """The wheel that was slimmed; `sha256` in hex, of the whole file."""

    name: str
    version: str
    filename: str
    sha256: str


class RuleSummary(NamedTuple):
    """What one rule of the recipe removed, in files and bytes installed, why, and what it costs."""

    id: str
    files: int
    bytes: int
    reason: str
    loses: str


class DeviceCode(NamedTuple):
    """Which GPUs' code a build has, where it does not have all of upstream's.

    `devices` are the compute capabilities that it was made for, `served` all that it has code for
    where upstream has some, as "8.0"; `architectures` those of the code, as "sm_80"; `ptx` whether
    PTX for later GPUs is in.
    """

    devices: Sequence[str]
    architectures: Sequence[str]
    served: Sequence[str]
    ptx: bool


def make_sbom(
    subject: Subject,
    upstream: Upstream,
    rules: Sequence[RuleSummary],
    changes: Sequence[str],
    tools: Mapping[str, str],
    timestamp: datetime,
    device_code: DeviceCode | None = None,
) -> bytes:
    """Write the bill of materials; the same arguments give the same bytes.

    Args:
        subject: what this wheel is.
        upstream: what it was made from.
        rules: what was removed.
        changes: what else was changed, a sentence each.
        tools: versions by name, slimwheel and those that had a hand in the bytes.
        timestamp: aware; of SOURCE_DATE_EPOCH or 1980, never of the clock.
        device_code: for a build that has the code of some GPUs only.

    Returns:
        JSON, UTF-8, with a newline at the end.
    """
    component = Component(
        name=subject.name,
        version=subject.version,
        purl=PackageURL("pypi", None, subject.name, subject.version),
        bom_ref="slim",
        pedigree=Pedigree(
            ancestors=[_ancestor(upstream)], notes=_notes(upstream, rules, changes, device_code)
        ),
        properties=[*_rule_properties(rules), *_device_properties(device_code)],
    )
    metadata = BomMetaData(
        component=component,
        timestamp=timestamp,
        tools=ToolRepository(components=[_tool(name, tools[name]) for name in sorted(tools)]),
    )
    everything = [
        subject._asdict(),
        upstream._asdict(),
        [rule._asdict() for rule in rules],
        list(changes),
        dict(tools),
        timestamp.isoformat(),
        *([device_code._asdict()] if device_code else []),
    ]
    identity = json.dumps(everything, sort_keys=True)
    bom = Bom(metadata=metadata, serial_number=uuid.uuid5(_NAMESPACE, identity))
    return JsonV1Dot6(bom).output_as_string(indent=2).encode() + b"\n"


def _ancestor(upstream: Upstream) -> Component:
    return Component(
        name=upstream.name,
        version=upstream.version,
        purl=PackageURL(
            "pypi", None, upstream.name, upstream.version, {"file_name": upstream.filename}
        ),
        bom_ref="upstream",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=upstream.sha256)],
    )


def _tool(name: str, version: str) -> Component:
    return Component(
        type=ComponentType.APPLICATION, name=name, version=version, bom_ref=f"tool:{name}"
    )


def _rule_properties(rules: Sequence[RuleSummary]) -> Iterator[Property]:
    """What a program wants to read; people have the notes."""
    for rule in rules:
        prefix = f"slimwheel:removed:{rule.id}"
        yield Property(name=f"{prefix}:files", value=str(rule.files))
        yield Property(name=f"{prefix}:bytes", value=str(rule.bytes))
        yield Property(name=f"{prefix}:reason", value=rule.reason)
        yield Property(name=f"{prefix}:loses", value=rule.loses)


def _device_properties(code: DeviceCode | None) -> Iterator[Property]:
    if code is None:
        return
    prefix = "slimwheel:device-code"
    yield Property(name=f"{prefix}:devices", value=" ".join(code.devices))
    yield Property(name=f"{prefix}:architectures", value=" ".join(code.architectures))
    yield Property(name=f"{prefix}:served", value=" ".join(code.served))
    yield Property(name=f"{prefix}:ptx", value=str(code.ptx).lower())


def _notes(
    upstream: Upstream,
    rules: Sequence[RuleSummary],
    changes: Sequence[str],
    device_code: DeviceCode | None,
) -> str:
    lines = [
        f"This distribution is {upstream.filename}, modified by slimwheel. It is not published by "
        f"the authors of {upstream.name}. It keeps all of upstream's licence files.",
        *(
            f"Removed by {rule.id}: {rule.files} files, {rule.bytes} bytes. {rule.reason} "
            f"What is lost: {rule.loses}"
            for rule in rules
        ),
        *(f"Changed: {change}" for change in changes),
    ]
    if device_code:
        lines.append(
            f"Device code: for GPUs of compute capability {', '.join(device_code.served)} only."
        )
    return "\n".join(lines)
