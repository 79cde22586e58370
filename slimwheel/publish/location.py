"""Where an index is, `s3://bucket/prefix` or `file:///directory`, and what its URL is."""

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, quote, unquote, urlsplit

from slimwheel.errors import UsageError
from slimwheel.publish.layout import ROOT
from slimwheel.publish.store import Store

_CONTROL = re.compile(r"[\x00-\x1f\x7f]|%00")
_FORMS = "Write s3://BUCKET/PREFIX, or file:///DIRECTORY."


@dataclasses.dataclass(frozen=True)
class Location:
    """Where an index is kept.

    Attributes:
        scheme: s3 or file.
        bucket: S3's; empty for a directory.
        path: the prefix in the bucket, without slashes around it, or the directory.
        endpoint_url: of an S3 server that is not Amazon's.
        public_url: what people reach the place by, if it is not by what it is.
    """

    scheme: Literal["s3", "file"]
    bucket: str
    path: str
    endpoint_url: str | None = None
    public_url: str | None = None

    @property
    def text(self) -> str:
        """The location as it is written."""
        return f"s3://{self.bucket}/{self.path}" if self.scheme == "s3" else f"file://{self.path}"

    def index_url(self, region: str | None = None) -> str:
        """Return the URL that installers are given, with a slash at its end.

        Args:
            region: of a bucket at Amazon.
        """
        if self.public_url is not None:
            base = self.public_url
        elif self.scheme == "file":
            base = f"file://{quote(self.path)}"
        else:
            at = f"s3.{region}.amazonaws.com" if region else "s3.amazonaws.com"
            own = f"https://{self.bucket}.{at}"
            # A certificate for *.s3.amazonaws.com does not cover a name with dots in it.
            if self.endpoint_url or "." in self.bucket:
                own = f"{(self.endpoint_url or f'https://{at}').rstrip('/')}/{self.bucket}"
            base = f"{own}/{quote(self.path)}" if self.path else own
        return f"{base.rstrip('/')}/{ROOT}"


def parse_location(
    text: str, *, endpoint_url: str | None = None, public_url: str | None = None
) -> Location:
    """Read where an index is.

    Raises:
        UsageError: it is neither of the two.
    """
    parts = _split(text)
    if public_url is not None:
        _check_public(public_url)
    if parts.query or parts.fragment or parts.username:
        raise UsageError(f"'{text}' is more than a place", hint=_FORMS)
    if parts.scheme == "s3" and parts.netloc:
        path = parts.path[1:].rstrip("/")
        if any(part in ("", ".", "..") for part in path.split("/")) and path:
            raise UsageError(f"the prefix of '{text}' has empty parts", hint=_FORMS)
        return Location("s3", parts.netloc, path, endpoint_url, public_url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path != "/":
        if endpoint_url:
            raise UsageError(
                "an endpoint is for s3:// only", hint="Leave --endpoint-url out, or name a bucket."
            )
        path = str(Path(unquote(parts.path)))
        if Path(path).is_absolute():
            return Location("file", "", path, None, public_url)
    raise UsageError(f"{text!r} is no place to publish to", hint=_FORMS)


def _split(text: str) -> SplitResult:
    """Split a URL; one of nothing but its path where it is none."""
    try:
        text.encode()  # The words of a command need not be UTF-8.
        if _CONTROL.search(text) is None:
            return urlsplit(text)
    except ValueError:
        pass
    return SplitResult("", "", text, "", "")


def _check_public(url: str) -> None:
    parts = _split(url)
    known = parts.scheme in ("http", "https") and parts.netloc
    if not known or parts.query or parts.fragment or " " in url:
        raise UsageError(
            f"{url!r} is not the URL of a directory of a web server",
            hint="Give --public-url what people reach the place by: https://HOST/PATH.",
        )


@contextlib.contextmanager
def open_store(location: Location) -> Iterator[tuple[Store, str]]:
    """Open what an index is kept in.

    Yields:
        The store, and the URL of the index.

    Raises:
        ToolError: what S3 needs is not installed.
        RemoteError: there are no credentials, or the configuration is wrong.
        OutputError: the directory cannot be made or written to.
    """
    if location.scheme == "file":
        from slimwheel.publish.directory import directory_store

        with directory_store(Path(location.path)) as store:
            yield store, location.index_url()
    else:
        # A large library, which only this needs.
        from slimwheel.publish.s3 import S3Store

        s3 = S3Store(location.bucket, location.path, location.endpoint_url)
        at = dataclasses.replace(location, endpoint_url=s3.endpoint_url)
        yield s3, at.index_url(s3.region)
