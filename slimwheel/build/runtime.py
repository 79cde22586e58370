"""The public runtime, torch_ergonomics, as a wheel of its own.

Every slim wheel has it inside. This one is for machines with upstream's torch, where models are
trained and saved. It requires nothing: torch comes from elsewhere, and is not needed to be there.
"""

from importlib.metadata import distributions
from pathlib import Path

from slimwheel import __version__
from slimwheel.build.distinfo import GENERATOR, plain_metadata, plain_wheel, top_level
from slimwheel.build.pipeline import failed, source_date_epoch
from slimwheel.build.workspace import publish, unfinished, workspace
from slimwheel.build.writing import WrittenWheel
from slimwheel.errors import ToolError
from slimwheel.shim import ergonomics_files
from slimwheel.verify.static import check_wheel
from slimwheel.wheelfile.names import WheelName, escaped
from slimwheel.wheelfile.writer import WheelWriter, member_order

PROJECT = "torch-ergonomics"
_SUMMARY = "The torch_ergonomics of slimwheel's slim builds of torch, for upstream's torch"
_BODY = """\
`python -m torch_ergonomics` says what the torch of an environment is, without importing it. Slim
builds of torch, made by slimwheel, have this package inside: install it beside upstream's torch
only.
"""
# The oldest Python whose torch it serves.
_REQUIRES_PYTHON = ">=3.5"
_LICENCE = "licenses/LICENSE"


def build_runtime(
    output_dir: Path, *, build_number: int | None = None, force: bool = False
) -> WrittenWheel:
    """Write torch_ergonomics of slimwheel's own version; the same bytes from the same slimwheel.

    Args:
        output_dir: where the wheel goes; made when it is not there.
        build_number: a build tag, for other bytes under the same version.
        force: replace an output that differs.

    Raises:
        CheckFailed: the wheel did not pass its checks and was removed.
        OutputError: it cannot be written.
        OutputExists: it is there already and differs.
        ToolError: slimwheel is installed without its licence.
        UsageError: SOURCE_DATE_EPOCH is no time that a zip file can hold.
    """
    build = str(build_number) if build_number is not None else None
    name = WheelName(escaped(PROJECT), __version__, "py3-none-any", build)
    members = _members(name)
    timestamp = source_date_epoch()
    with workspace(output_dir) as scratch:
        path = scratch / name.filename
        with unfinished(path) as stream:
            writer = WheelWriter(stream, timestamp)
            for member in sorted(members, key=member_order):
                writer.add(member, members[member])
            writer.finish(f"{_dist_info(name)}/RECORD")
        written = WrittenWheel(path, path.name, writer.size, writer.installed_size, writer.sha256)
        if findings := check_wheel(path, scratch):
            raise failed(findings, written)
        publish({path: output_dir / path.name}, force=force)
    return written.at(output_dir)


def _members(name: WheelName) -> dict[str, bytes]:
    members = ergonomics_files()
    directory = _dist_info(name)
    metadata = plain_metadata(
        PROJECT,
        name.version,
        _SUMMARY,
        _BODY,
        # Metadata 2.4 is the first that names licences so (PEP 639).
        metadata_version="2.4",
        fields={
            "License-Expression": "MIT",
            "License-File": "LICENSE",
            "Requires-Python": _REQUIRES_PYTHON,
        },
    )
    return {
        **members,
        f"{directory}/METADATA": metadata,
        f"{directory}/WHEEL": plain_wheel(name.tag, generator=GENERATOR, purelib=True),
        f"{directory}/{_LICENCE}": _licence(),
        f"{directory}/top_level.txt": top_level(members),
    }


def _licence() -> bytes:
    """slimwheel's own licence, as its installation has it."""
    # In a checkout there may be an egg-info of the same name ahead of what is installed.
    texts = (found.read_text(_LICENCE) for found in distributions(name="slimwheel"))
    text = next(filter(None, texts), None)
    if text is None:
        raise ToolError(
            "slimwheel is installed without its licence, which this wheel has to carry",
            hint="Install slimwheel again, with pip.",
        )
    return text.encode()


def _dist_info(name: WheelName) -> str:
    return f"{name.distribution}-{name.version}.dist-info"
