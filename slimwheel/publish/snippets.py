"""How to install what was published, for people to copy.

An index of one's own beside PyPI invites dependency confusion: with `--extra-index-url` pip takes
whichever index has the higher version, and anybody may register a name on PyPI. So the words here
either ask one index alone, or pin hashes, or bind a name to its index.
"""

import shlex
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from slimwheel.publish.publishing import Publication, Published

DEPENDENCY_CONFUSION = (
    "Do not install with --extra-index-url and without hashes: pip then takes the highest version "
    "of any index, and names that are free on PyPI can be registered by anybody."
)


def snippets(publication: Publication) -> dict[str, str]:
    """Return words for pip, a requirements file and uv, by what they are for; companions named."""
    files = publication.files
    if not files:
        return {}
    return {
        "pip": _pip(publication.url, files),
        "requirements.txt, with hashes": _requirements(files),
        "pyproject.toml, for uv": _uv(publication.url, files),
    }


def _pins(files: Sequence[Published]) -> list[str]:
    # What people want first, then what it needs.
    ordered = sorted(files, key=lambda file: file.is_companion)
    return list(dict.fromkeys(f"{file.project}=={file.version}" for file in ordered))


def _wanted(files: Sequence[Published]) -> list[str]:
    """Return the pins of what is not a companion, or all where there is nothing else."""
    return _pins([file for file in files if not file.is_companion] or files)


def _pip(url: str, files: Sequence[Published]) -> str:
    pins = " ".join(f"'{pin}'" for pin in _pins(files))
    wanted = " ".join(f"'{pin}'" for pin in _wanted(files))
    return (
        f"pip install --no-deps --index-url {shlex.quote(url)} {pins}\n"
        f"pip install {wanted}   # what they require, from PyPI"
    )


def _requirements(files: Sequence[Published]) -> str:
    """A line for each file: it names the very file and its hash, so no index is asked for it."""
    ordered = sorted(files, key=lambda file: file.is_companion)
    return "\n".join(f"{file.project} @ {file.url}#sha256={file.sha256}" for file in ordered)


def _uv(url: str, files: Sequence[Published]) -> str:
    return "\n".join(_uv_lines(url, files))


def _uv_lines(url: str, files: Sequence[Published]) -> Iterator[str]:
    pins = ", ".join(f'"{pin}"' for pin in _pins(files))
    yield "[project]"
    yield f"dependencies = [{pins}]"
    yield ""
    yield "[[tool.uv.index]]"
    yield 'name = "slim"'
    yield f'url = "{quote(url, safe=":/%")}"'
    yield "explicit = true"
    yield ""
    yield "[tool.uv.sources]"
    for project in dict.fromkeys(file.project for file in files):
        yield f'{project} = {{ index = "slim" }}'
