"""The two wheels beside a slim one: the companion, and the dev wheel."""

from pathlib import Path

from slimwheel.build.additions import Provenance
from slimwheel.build.distinfo import GENERATOR, edited_metadata, plain_metadata, plain_wheel
from slimwheel.build.naming import OutputNames
from slimwheel.build.workspace import unfinished
from slimwheel.build.writing import WrittenWheel
from slimwheel.plan import Plan
from slimwheel.shim import Manifest, dev_files
from slimwheel.wheelfile.writer import WheelWriter, member_order

_COMPANION_SUMMARY = "Stands in for {project} where {slim} provides it"
_COMPANION_BODY = """\
This distribution is empty. It satisfies requirements of {project} in environments whose
{project} package comes from {slim}, made by slimwheel. On a package index it should be yanked,
so that nobody gets it who did not ask for {slim}.
"""


def write_companion(names: OutputNames, scratch: Path) -> WrittenWheel:
    """Write the companion: empty, and the same bytes for the same version and variant."""
    name = names.companion
    words = {"project": names.companion_project, "slim": names.project}
    directory = f"{name.distribution}-{name.version}.dist-info"
    path = scratch / name.filename
    with unfinished(path) as stream:
        writer = WheelWriter(stream)
        metadata = plain_metadata(
            names.companion_project,
            name.version,
            _COMPANION_SUMMARY.format(**words),
            _COMPANION_BODY.format(**words),
        )
        writer.add(f"{directory}/METADATA", metadata)
        # No version of slimwheel in it: a newer one must not make other bytes of the same name.
        wheel = plain_wheel(name.tag, generator="slimwheel", purelib=True)
        writer.add(f"{directory}/WHEEL", wheel)
        writer.finish(f"{directory}/RECORD")
    return WrittenWheel(path, path.name, writer.size, writer.installed_size, writer.sha256)


def write_dev(
    plan: Plan, source: Provenance, manifest: Manifest, scratch: Path
) -> WrittenWheel | None:
    """Write the dev wheel: what rules with `dev` removed, exactly where it was.

    Returns:
        None where the recipe names no dev wheel, or none of these rules removed anything.
    """
    names, upstream = source.names, source.wheel
    rules = {summary.rule.id for summary in plan.summaries if summary.dev}
    members = plan.removed_by(rules)
    if names.dev is None or names.dev_project is None or not members:
        return None
    directory = f"{names.dev.distribution}-{names.dev.version}.dist-info"
    metadata = edited_metadata(
        upstream,
        project=names.dev_project,
        version=names.dev.version,
        note=f"headers and test modules that {names.project} leaves out",
        drop=upstream.metadata.get_all("Requires-Dist"),
        requires=[f"{names.project}=={names.version}"],
    )
    new = dev_files(plan.loaded.recipe.distribution.package, manifest)
    new[f"{directory}/METADATA"] = metadata
    new[f"{directory}/WHEEL"] = plain_wheel(names.dev.tag, generator=GENERATOR, purelib=False)
    licences = f"{upstream.dist_info}/licenses/"
    copied = {member: member for member in members}
    for member in upstream.members:
        if member.startswith(licences):
            copied[f"{directory}/licenses/{member.removeprefix(licences)}"] = member
    path = scratch / names.dev.filename
    with unfinished(path) as stream:
        writer = WheelWriter(stream, source.timestamp)
        for name in sorted([*new, *copied], key=member_order):
            if name in new:
                writer.add(name, new[name])
            else:
                writer.copy(upstream, upstream.members[copied[name]], name)
        writer.finish(f"{directory}/RECORD")
    return WrittenWheel(path, path.name, writer.size, writer.installed_size, writer.sha256)
