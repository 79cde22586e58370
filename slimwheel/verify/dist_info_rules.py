"""What a wheel's dist-info says of it, held against its file name, its members, and itself."""

import posixpath
import re
from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement

from slimwheel.elf import ElfFile
from slimwheel.errors import WheelError
from slimwheel.verify.findings import Code, Finding
from slimwheel.wheelfile.directory import Member
from slimwheel.wheelfile.metadata import entry_point_modules
from slimwheel.wheelfile.names import WheelName, escaped, expand_tag
from slimwheel.wheelfile.wheel import Wheel

# As in _C.cpython-311-x86_64-linux-gnu.so: PEP 3149's tag of one Python. abi3 has no number.
_EXTENSION = re.compile(r"\.cpython-(\d+)[a-z]*-[^/]*\.so$")
# The machines of platform tags, by the number that ELF headers have for them (e_machine).
_MACHINES = {
    "x86_64": 62, "aarch64": 183, "i686": 3, "armv7l": 40, "ppc64le": 21, "s390x": 22,
    "riscv64": 243, "loongarch64": 258,
}  # fmt: skip


def check_dist_info(wheel: Wheel) -> Iterator[Finding]:
    """Yield where names, tags, requirements, entry points and RECORD do not agree."""
    yield from _check_names(wheel)
    for name in wheel.unlisted():
        yield Finding(Code.UNLISTED, "is not in RECORD", name)
    for name in wheel.absent():
        yield Finding(Code.ABSENT, "stands in RECORD, but not in the archive", name)
    for text in wheel.metadata.get_all("Requires-Dist"):
        try:
            Requirement(text)
        except InvalidRequirement:
            message = f"METADATA requires {text!r}, which is no requirement"
            yield Finding(Code.REQUIREMENT, message, subject=text)
    yield from _check_entry_points(wheel)


def check_program(wheel: Wheel, member: Member, elf: ElfFile) -> Iterator[Finding]:
    """Yield where a library or program does not go with the wheel's tags, or cannot be run."""
    platforms = wheel.name.platforms
    pythons = wheel.name.tag.split("-")[0].split(".")
    if "any" in platforms:
        message = "is machine code in a wheel for any platform"
        yield Finding(Code.ANY_PLATFORM, message, member.name)
    machines = {number for name, number in _MACHINES.items() if _is_for(platforms, name)}
    if machines and elf.header.machine not in machines:
        message = f"is for ELF machine {elf.header.machine}, not for {', '.join(platforms)}"
        yield Finding(Code.OTHER_MACHINE, message, member.name)
    extension = _EXTENSION.search(member.name)
    if extension and f"cp{extension[1]}" not in pythons:
        message = f"is for CPython {extension[1]}; the wheel is for {', '.join(pythons)}"
        yield Finding(Code.OTHER_PYTHON, message, member.name)
    if (wheel.wheel.get("Root-Is-Purelib") or "").lower() == "true" and not _in_data(member.name):
        message = "is machine code where WHEEL says Root-Is-Purelib: true"
        yield Finding(Code.PURELIB, message, member.name)
    if elf.is_executable and not member.executable:
        yield Finding(Code.NOT_EXECUTABLE, "is a program that nobody may execute", member.name)


def _check_names(wheel: Wheel) -> Iterator[Finding]:
    file_name = wheel.archive.path.name
    if WheelName.parse(file_name) is None:
        yield Finding(Code.NAME_DIFFERS, f"{file_name} is no legal wheel name")
    stated, named = set(wheel.wheel.get_all("Tag")), set(expand_tag(wheel.name.tag))
    if stated != named:
        both = f"WHEEL has the tags {', '.join(sorted(stated))}, the file name {wheel.name.tag}"
        yield Finding(Code.TAGS_DIFFER, both)
    project, version = escaped(wheel.project), wheel.version
    if (wheel.name.distribution, wheel.name.version) != (project, version):
        message = (
            f"the file is named {wheel.name.distribution} {wheel.name.version}, "
            f"METADATA says {project} {version}"
        )
        yield Finding(Code.METADATA_DIFFERS, message)
    directory = f"{project}-{version}.dist-info"
    if wheel.dist_info != directory:
        message = f"the dist-info directory is {wheel.dist_info}, not {directory}"
        yield Finding(Code.NAME_DIFFERS, message)


def _check_entry_points(wheel: Wheel) -> Iterator[Finding]:
    member = wheel.dist_info_member("entry_points.txt")
    if member is None:
        return
    try:
        text = wheel.archive.read(member).decode("utf-8")
    except (WheelError, UnicodeDecodeError):
        # A damaged member has a finding of its own.
        yield Finding(Code.ENTRY_POINT, "cannot be read", member.name)
        return
    modules = {_module(name) for name in wheel.members}
    tops = {module.split(".")[0] for module in modules}
    for group, name, module in entry_point_modules(text):
        # A module of another distribution may be there when this one is installed.
        if module.split(".")[0] in tops and module not in modules:
            message = f"{name} of [{group}] names {module}, which the wheel does not have"
            yield Finding(Code.ENTRY_POINT, message, member.name, subject=module)


def _module(member: str) -> str:
    """Return the name under which Python would import a file."""
    parts = member.split("/")
    if parts[0].endswith(".data") and len(parts) > 2:
        parts = parts[2:]
    parts[-1] = parts[-1].split(".")[0]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_for(platforms: tuple[str, ...], machine: str) -> bool:
    return any(platform.endswith(f"_{machine}") for platform in platforms)


def _in_data(member: str) -> bool:
    return posixpath.dirname(member).split("/")[0].endswith(".data")
