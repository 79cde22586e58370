"""The tools that have a hand in the bytes of a slim wheel, by version.

They stand in its manifest and its SBOM: where two builds of the same input differ, and these differ
too, nobody need suspect the wheel.
"""

from importlib.metadata import version

from slimwheel import __version__
from slimwheel.elf.patchelf import patchelf_version

# What compresses, and what writes the SBOM; other libraries only tell slimwheel what is so.
_LIBRARIES = ("cyclonedx-python-lib", "deflate", "packageurl-python")


def tool_versions(*, patchelf: bool) -> dict[str, str]:
    """Return the versions that are installed here, by project.

    Args:
        patchelf: whether patchelf is one of them, as it is for wheels with files that had to grow.

    Raises:
        ToolError: patchelf is one of them and missing.
    """
    tools = {"slimwheel": __version__, **{name: version(name) for name in _LIBRARIES}}
    return tools | ({"patchelf": patchelf_version()} if patchelf else {})
