"""An index in an S3 bucket, at Amazon or at any server that speaks S3 and honours If-Match."""

import base64
import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from slimwheel.errors import ToolError
from slimwheel.publish.store import Advance, Busy, Changed, Entry, Kind, Stored

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError as error:
    raise ToolError(
        "publishing to S3 needs boto3, which is not installed",
        hint="Install it with slimwheel: pip install 'slimwheel[s3]'.",
    ) from error

from slimwheel.publish.s3_errors import explained

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ABSENT = ("NoSuchKey", "404")
_CHANGED = ("PreconditionFailed", "412")
# Another conditional write of the same object is under way.
_BUSY = ("ConditionalRequestConflict", "OperationAborted", "409")
_ATTEMPTS = 4
_SECONDS = 20  # without an answer
# After a wheel's last byte: what lies in this machine's buffers has to go over a slow line, and
# the server may only then begin to write.
_SECONDS_AFTER_UPLOAD = 300
_AMAZONS = (".amazonaws.com", ".amazonaws.com.cn")
_SHA256 = "sha256"


class S3Store:
    """Objects of a bucket under a prefix.

    Attributes:
        region: where the bucket is, as far as the configuration says.
        endpoint_url: of a server that is not Amazon's, also where boto3's configuration names it.
    """

    directory_keys = True

    def __init__(self, bucket: str, prefix: str, endpoint_url: str | None) -> None:
        """Prepare a connection; none is made yet.

        Raises:
            RemoteError: boto3's configuration is wrong.
        """
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._where = f"s3://{bucket}/{prefix}"
        with self._translated(""):
            try:
                self.endpoint_url = endpoint_url or _configured_endpoint()
                self._client = _client(self.endpoint_url, _SECONDS)
                self._uploads = _client(self.endpoint_url, _SECONDS_AFTER_UPLOAD)
            except ValueError as error:  # An endpoint that is no URL.
                raise explained(error, self._where, None) from error
        self.region: str | None = self._client.meta.region_name

    def entries(self, prefix: str) -> Iterator[Entry]:
        for page in self._pages(prefix, ""):
            for found in page.get("Contents", ()):
                yield Entry(found["Key"].removeprefix(self._prefix), found["Size"])

    def directories(self, prefix: str) -> list[str]:
        begin = self._prefix + prefix
        return [
            found["Prefix"].removeprefix(begin).rstrip("/")
            for page in self._pages(prefix, "/")
            for found in page.get("CommonPrefixes", ())
        ]

    def read(self, key: str) -> Stored | None:
        with self._translated(key):
            got = self._got(key)
            if got is None:
                return None
            with contextlib.closing(got["Body"]) as body:
                return Stored(body.read(), got["ETag"])

    def download(self, key: str, target: Path) -> None:
        with self._translated(key):
            self._client.download_file(self._bucket, self._prefix + key, str(target))

    def write(self, key: str, data: bytes, kind: Kind, *, expected: str | None) -> None:
        self._put(self._client, key, kind, io.BytesIO(data), {}, expected)

    def upload(self, key: str, path: Path, kind: Kind, sha256: str, advance: Advance) -> None:
        with path.open("rb") as stream:
            self._put(
                self._uploads,
                key,
                kind,
                _Watched(stream, advance),
                {
                    "ContentLength": path.stat().st_size,
                    "Metadata": {_SHA256: sha256},
                    # The server compares it with what arrived.
                    "ChecksumSHA256": base64.b64encode(bytes.fromhex(sha256)).decode(),
                },
                None,
            )

    def sha256(self, key: str) -> str | None:
        with self._translated(key):
            # HEAD has no body that would say what is wrong.
            got = self._got(key)
            if got is None:
                return None
            got["Body"].close()
            said = got["Metadata"].get(_SHA256, "").lower()
            # Others write it as they please.
            return said if re.fullmatch("[0-9a-f]{64}", said) else None

    def _got(self, key: str) -> Any | None:
        """Return the answer to a GET, whose body is still to be read; None where nothing is."""
        try:
            return self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            raise

    def _put(
        self,
        client: "S3Client",
        key: str,
        kind: Kind,
        body: Any,
        more: dict[str, Any],
        expected: str | None,
    ) -> None:
        condition: dict[str, Any] = (
            {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        )
        with self._translated(key):
            try:
                client.put_object(
                    Bucket=self._bucket,
                    Key=self._prefix + key,
                    Body=body,
                    ContentType=kind.content_type,
                    CacheControl=kind.cache_control,
                    **more,
                    **condition,
                )
            except ClientError as error:
                if _code(error) in _BUSY:
                    raise Busy(key) from error
                # Where what it is to replace has gone, some servers say so.
                if _code(error) in _CHANGED or (expected and _code(error) in _ABSENT):
                    raise Changed(key) from error
                raise

    def _pages(self, prefix: str, delimiter: str) -> Iterator[Any]:
        with self._translated(prefix):
            yield from self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix, Delimiter=delimiter
            )

    @contextlib.contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError, boto3.exceptions.Boto3Error) as error:
            raise explained(error, self._where, key or None) from error


def _client(endpoint_url: str | None, seconds: int) -> "S3Client":
    return boto3.client(
        "s3",
        # boto3 alone knows AWS_DEFAULT_REGION only; all of Amazon's other tools take this.
        region_name=os.environ.get("AWS_REGION") or None,
        endpoint_url=endpoint_url,
        config=Config(
            connect_timeout=_SECONDS,
            read_timeout=seconds,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            # Other servers know no names of hosts by bucket.
            s3={"addressing_style": "path"} if endpoint_url else None,
        ),
    )


def _configured_endpoint() -> str | None:
    """Return the URL of a server that is not Amazon's, from AWS_ENDPOINT_URL or a profile."""
    url: str = _client(None, _SECONDS).meta.endpoint_url
    return None if (urlsplit(url).hostname or "").endswith(_AMAZONS) else url


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


class _Watched:
    """A file that tells how far it has been read; it is read again from the start on a retry."""

    def __init__(self, stream: BinaryIO, advance: Advance) -> None:
        self._stream = stream
        self._advance = advance

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._advance(self._stream.tell())
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()
