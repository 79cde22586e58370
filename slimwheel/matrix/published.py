"""What an index has, as far as slimwheel made it: its PEP 691 pages, read from anywhere."""

import json
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from pydantic import ValidationError

from slimwheel.errors import RemoteError, UsageError
from slimwheel.publish.entry import Made

_JSON = "application/vnd.pypi.simple.v1+json"
_TIMEOUT = 60
# S3 says "forbidden" of what is not there to those who may not list what is.
_ABSENT = (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN)


class PublishedFile(NamedTuple):
    """A file of an index; `made` is None where slimwheel did not make it, or does not say how."""

    filename: str
    made: Made | None


class PublishedIndex:
    """An index by the URL of its root, such as https://example.org/simple/ or file:///srv/simple/.

    Each page is read once.
    """

    def __init__(self, root: str) -> None:
        """Take down where the index is.

        Raises:
            UsageError: the URL is of no kind that can be read.
        """
        if urlsplit(root).scheme not in ("http", "https", "file"):
            raise UsageError(
                f"--index {root!r} is not the URL of an index",
                hint="Write its root, such as https://example.org/simple/ or file:///srv/simple/.",
            )
        self.root = root.rstrip("/") + "/"
        self._pages: dict[str, tuple[PublishedFile, ...]] = {}

    def files(self, project: str) -> tuple[PublishedFile, ...]:
        """Return what it has of a project, by its normalized name; nothing where it has none.

        Raises:
            RemoteError: it cannot be reached, or its page is none.
        """
        if project not in self._pages:
            self._pages[project] = self._read(project)
        return self._pages[project]

    def _read(self, project: str) -> tuple[PublishedFile, ...]:
        url = f"{self.root}{quote(project)}/index.json"
        text = _get(url)
        if text is None:
            return ()
        try:
            files = json.loads(text)["files"]
            return tuple(PublishedFile(str(file["filename"]), _made(file)) for file in files)
        except (ValueError, KeyError, TypeError) as error:
            raise RemoteError(
                "is not a page of an index as PEP 691 has it",
                file=url,
                hint="Name the root that `slimwheel publish` told.",
            ) from error


def _get(url: str) -> bytes | None:
    request = Request(url, headers={"Accept": _JSON})  # noqa: S310 - the scheme was checked
    try:
        with urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
            text: bytes = answer.read()
            return text
    except HTTPError as error:
        with error:
            if error.code in _ABSENT:
                return None
            raise RemoteError(f"answers {error.code} {error.reason}", file=url) from error
    except URLError as error:
        if isinstance(error.reason, FileNotFoundError):
            return None
        raise RemoteError(f"cannot be reached: {error.reason}", file=url) from error
    except OSError as error:
        raise RemoteError(f"cannot be reached: {error}", file=url) from error


def _made(file: dict[str, Any]) -> Made | None:
    try:
        return Made.model_validate(file["_made"]) if file.get("_made") else None
    except ValidationError:
        return None
