"""What a build adds to a plan: the shim, and the dist-info directory of the slim wheel.

With these in it a plan is complete: it names every file of the slim wheel with its size.
"""

import csv
import io
from datetime import UTC, datetime
from typing import Any, NamedTuple

from slimwheel.build.distinfo import (
    edited_metadata,
    edited_wheel,
    matching_requirements,
    orphaned_entry_points,
    replaced_requirements,
    top_level,
)
from slimwheel.build.gone import Shipped, collapsed, gone_modules
from slimwheel.build.naming import OutputNames
from slimwheel.build.sbom import DeviceCode as SbomDeviceCode
from slimwheel.build.sbom import RuleSummary as SbomRule
from slimwheel.build.sbom import Subject, make_sbom
from slimwheel.build.sbom import Upstream as SbomUpstream
from slimwheel.build.tools import tool_versions
from slimwheel.plan import Action, Decision, Plan
from slimwheel.plan.python_rules import (
    active_forgets,
    active_guards,
    as_shim_forget,
    as_shim_guard,
)
from slimwheel.shim import Manifest, boot_files, ergonomics_files
from slimwheel.shim.manifest import Dev, DeviceCode, Removed
from slimwheel.wheelfile.metadata import without_entry_points
from slimwheel.wheelfile.wheel import SIGNATURES, Wheel

_SBOM = "sboms/slimwheel.cdx.json"


class Provenance(NamedTuple):
    """Where a build starts and what it was told."""

    wheel: Wheel
    sha256: str
    names: OutputNames
    options: dict[str, Any]
    timestamp: int


def complete(plan: Plan, source: Provenance) -> Manifest:
    """Add the shim and dist-info to a plan; return the manifest that the shim carries."""
    manifest = make_manifest(plan, source)
    recipe = plan.loaded.recipe
    members = boot_files(recipe.distribution.package, manifest)
    members |= ergonomics_files() if recipe.shim.ergonomics else {}
    for member, data in members.items():
        plan.put(member, data, "the shim")
    _complete_dist_info(plan, source, manifest)
    return manifest


def slim_member(member: str, source: Provenance) -> str:
    """Return a member's name in the slim wheel, whose dist-info and data bear another name."""
    stem = source.wheel.dist_info.removesuffix(".dist-info")
    if member.startswith((f"{stem}.dist-info/", f"{stem}.data/")):
        return dist_info_of(source.names).removesuffix(".dist-info") + member.removeprefix(stem)
    return member


def dist_info_of(names: OutputNames) -> str:
    """Return the slim wheel's dist-info directory."""
    return f"{names.slim.distribution}-{names.slim.version}.dist-info"


def make_manifest(plan: Plan, source: Provenance) -> Manifest:
    """Return the manifest of a build."""
    recipe = plan.loaded.recipe
    names = source.names
    shipped = Shipped(decision.member for decision in plan.shipped)
    removed: list[Removed] = []
    for summary in plan.summaries:
        gone = [m for m in summary.members if plan.decisions[m].action is Action.DROP]
        if not summary.members:
            continue
        removed.append(
            {
                "rule": summary.rule.id,
                "files": len(summary.members),
                "bytes": summary.saved,
                "reason": summary.rule.reason,
                "loses": summary.rule.loses,
                "dev": summary.dev and names.dev is not None,
                "modules": gone_modules(gone, shipped),
                "paths": collapsed(gone, shipped),
            }
        )
    dev: Dev | None = None
    if names.dev and names.dev_requirement:
        dev = {"distribution": names.dev.distribution, "requirement": names.dev_requirement}
    return {
        "schema": 1,
        "distribution": names.slim.distribution,
        "version": names.version,
        "upstream": {
            "name": source.wheel.project,
            "version": source.wheel.version,
            "filename": source.wheel.name.filename,
            "sha256": source.sha256,
        },
        "recipe": {"name": recipe.name, "text": plan.loaded.text},
        "options": source.options,
        "tools": tool_versions(
            patchelf=any(rewrite.used_patchelf for rewrite in plan.elf.values())
        ),
        "companion": names.companion_requirement,
        "dev": dev,
        "removed": removed,
        "guards": [as_shim_guard(g) for g in active_guards(plan, source.wheel.version)],
        "environment": recipe.shim.environment,
        "forget": [as_shim_forget(f) for f in active_forgets(plan, source.wheel.version)],
        "device_code": _device_code(plan),
    }


def _device_code(plan: Plan) -> DeviceCode | None:
    code = plan.device_code
    # Where some code is of a shape not known, nobody knows for which GPUs it is.
    if code is None or code.unread:
        return None
    rule = plan.loaded.recipe.device_code
    assert rule is not None
    return {
        "rule": rule.id,
        "devices": [str(device) for device in code.devices],
        "ptx": code.has_ptx,
        "architectures": list(code.targets),
        "served": [str(device) for device in code.served],
    }


def _complete_dist_info(plan: Plan, source: Provenance, manifest: Manifest) -> None:
    wheel, names = source.wheel, source.names
    directory = wheel.dist_info
    note = f"modified from {wheel.project} {wheel.version} by slimwheel, recipe "
    changes = plan.loaded.recipe.requires
    if changes.rule in plan.acting:
        plan.dropped_requirements = matching_requirements(wheel, changes.drop)
    plan.replaced_requirements = replaced_requirements(wheel, changes.replace)
    undeclared = [one.requirement for one in changes.undeclared if one.applies_to(wheel.version)]
    metadata = edited_metadata(
        wheel,
        project=names.project,
        version=names.version,
        note=note + plan.loaded.recipe.name,
        drop=plan.dropped_requirements,
        requires=[*changes.add, *undeclared, names.companion_requirement],
        replace=plan.replaced_requirements,
    )
    plan.put(f"{directory}/METADATA", metadata, "names the slim distribution")
    plan.put(f"{directory}/WHEEL", edited_wheel(wheel), "names slimwheel as a generator")
    _edit_entry_points(plan, wheel, manifest)
    shipped = [decision.member for decision in plan.shipped]
    plan.put(f"{directory}/top_level.txt", top_level(shipped), "lists what is shipped")
    plan.put(f"{directory}/{_SBOM}", _sbom(plan, source, manifest), "says what was changed")
    for signature in SIGNATURES:
        _drop_signature(plan, f"{directory}/{signature}")
    _add_record(plan, source)


def _edit_entry_points(plan: Plan, wheel: Wheel, manifest: Manifest) -> None:
    member = wheel.dist_info_member("entry_points.txt")
    if not member:
        return
    modules = {module for removed in manifest["removed"] for module in removed["modules"]}
    text = wheel.read_text(member)
    if gone := orphaned_entry_points(text, modules):
        plan.dropped_entry_points = [f"{group}:{name}" for group, name in gone]
        new = without_entry_points(text, gone).encode()
        plan.put(member.name, new, "without those whose module is gone")


def _sbom(plan: Plan, source: Provenance, manifest: Manifest) -> bytes:
    upstream, code = manifest["upstream"], manifest["device_code"]
    return make_sbom(
        Subject(source.names.project, source.names.version),
        SbomUpstream(
            name=upstream["name"],
            version=upstream["version"],
            filename=upstream["filename"],
            sha256=upstream["sha256"],
        ),
        [
            SbomRule(
                id=removed["rule"],
                files=removed["files"],
                bytes=removed["bytes"],
                reason=removed["reason"],
                loses=removed["loses"],
            )
            for removed in manifest["removed"]
        ],
        [
            f"{decision.member}: {decision.why}"
            for decision in plan.with_action(Action.REWRITE, Action.ADD)
            if decision.rules or decision.action is Action.REWRITE
            if not decision.member.startswith(source.wheel.dist_info)
        ],
        manifest["tools"],
        datetime.fromtimestamp(source.timestamp, UTC),
        _sbom_device_code(code) if code else None,
    )


def _sbom_device_code(code: DeviceCode) -> SbomDeviceCode:
    return SbomDeviceCode(
        devices=code["devices"],
        architectures=code["architectures"],
        served=code["served"],
        ptx=code["ptx"],
    )


def _drop_signature(plan: Plan, member: str) -> None:
    """A signature of upstream's RECORD signs nothing here."""
    if member in plan.decisions:
        decision = plan.decisions[member]
        plan.decisions[member] = decision.dropped("signature", "signs upstream's RECORD")


def _add_record(plan: Plan, source: Provenance) -> None:
    """Plan RECORD itself: its lines have a length that does not depend on the hashes."""
    member = f"{source.wheel.dist_info}/RECORD"
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    for decision in plan.shipped:
        if decision.member != member:
            name = slim_member(decision.member, source)
            rows.writerow((name, "sha256=" + 43 * "x", decision.after))
    rows.writerow((slim_member(member, source), "", ""))
    size = len(out.getvalue().encode())
    upstream = source.wheel.members[member]
    plan.decisions[member] = Decision(
        member,
        Action.REWRITE,
        "lists what is shipped",
        before=upstream.size,
        after=size,
        packed_before=upstream.compressed_size,
        # Hashes do not compress; names and sizes hardly cost anything beside them.
        packed_after=round(0.55 * size),
    )
