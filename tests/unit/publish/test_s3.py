"""S3 as Amazon has it, where moto stands in for it, and what its errors mean."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError
from moto import mock_aws

from slimwheel.errors import RemoteError
from slimwheel.publish import Request, open_store, parse_location, publish
from slimwheel.publish.s3 import S3Store
from slimwheel.publish.s3_errors import explained
from slimwheel.publish.store import Changed, Kind
from tests.unit.publish.wheels import plain

KIND = Kind("text/plain", "max-age=1")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in (
        ("ACCESS_KEY_ID", "a"),
        ("SECRET_ACCESS_KEY", "b"),
        ("REGION", "us-east-1"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        yield client


def test_pages_lie_also_where_the_rest_endpoint_looks(bucket: Any, tmp_path: Path) -> None:
    store = S3Store("bucket", "p", None)
    wheel = plain(tmp_path, version="1.0+x")
    publication = publish(store, "https://example.org/", Request(wheels=[wheel]))
    assert publication.warnings == []

    def got(key: str) -> Any:
        return bucket.get_object(Bucket="bucket", Key=key)

    for folder in ("p/simple/", "p/simple/plain/"):
        page, same = got(folder), got(f"{folder}index.html")
        assert page["ContentType"] == same["ContentType"] == "text/html; charset=utf-8"
        assert page["CacheControl"] == "public, max-age=60"
        assert page["Body"].read() == same["Body"].read()
    as_json = got("p/simple/plain/index.json")
    assert as_json["ContentType"] == "application/vnd.pypi.simple.v1+json"
    there = got(f"p/simple/plain/{wheel.name}")
    assert there["Body"].read() == wheel.read_bytes()
    assert there["CacheControl"] == "public, max-age=365000000, immutable"
    assert there["ContentType"] == "application/octet-stream"


def test_a_write_on_condition(bucket: Any) -> None:
    store = S3Store("bucket", "", None)
    store.write("k", b"1", KIND, expected=None)
    first = store.read("k")
    assert first is not None
    with pytest.raises(Changed):
        store.write("k", b"2", KIND, expected=None)
    store.write("k", b"2", KIND, expected=first.etag)
    with pytest.raises(Changed):
        store.write("k", b"3", KIND, expected=first.etag)
    assert store.read("k") != first
    assert store.read("absent") is None
    assert store.sha256("k") is None


def test_the_region_and_the_server_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with open_store(parse_location("s3://b/p")) as (_, url):
        assert url == "https://b.s3.eu-west-1.amazonaws.com/p/simple/"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://storage.example:9000")
    with open_store(parse_location("s3://b/p")) as (_, url):
        assert url == "http://storage.example:9000/b/p/simple/"


def test_an_endpoint_that_is_no_url() -> None:
    with pytest.raises(RemoteError, match="Invalid endpoint") as caught:
        S3Store("b", "p", "localhost:9000")
    assert "endpoint" in caught.value.hint


def test_hashes_that_others_wrote(bucket: Any) -> None:
    store = S3Store("bucket", "", None)
    right = "ab" * 32
    for said, understood in ((right.upper(), right), ("q83v", None), ("", None)):
        bucket.put_object(Bucket="bucket", Key="k", Body=b"1", Metadata={"sha256": said})
        assert store.sha256("k") == understood


def test_a_listing_of_many(bucket: Any) -> None:
    for number in range(1100):
        bucket.put_object(Bucket="bucket", Key=f"p/simple/x/{number}", Body=b"1")
    bucket.put_object(Bucket="bucket", Key="p/simple/y/1", Body=b"1")
    store = S3Store("bucket", "p", None)
    assert len(list(store.entries("simple/x/"))) == 1100
    assert store.directories("simple/") == ["x", "y"]


def refused(code: str, status: int = 400, message: str = "They say so.") -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
        },
        "PutObject",
    )


@pytest.mark.parametrize(
    ("error", "problem", "way_out"),
    [
        (refused("RequestTimeTooSkewed", 403), "clock", "Set the clock"),
        (refused("SignatureDoesNotMatch", 403), "secret key is wrong", "AWS_SECRET_ACCESS_KEY"),
        (refused("InvalidAccessKeyId", 403), "access key is not known", "AWS_PROFILE"),
        (refused("ExpiredToken"), "expired", "new ones"),
        (refused("AccessDenied", 403), "denied", "s3:PutObject"),
        (refused("NoSuchBucket", 404), "no such bucket", "Create it"),
        (refused("PermanentRedirect", 301), "another region", "AWS_REGION"),
        (refused("NotImplemented", 501), "does not know", "If-Match"),
        (refused("SlowDown", 503), "too many", "again"),
        (refused("InternalError", 500, "volumes are full"), "volumes are full", "space"),
        (refused("Odd", 418), "They say so. (Odd)", "Check the network"),
        (boto.NoCredentialsError(), "no credentials", "AWS_ACCESS_KEY_ID"),
        (boto.ProfileNotFound(profile="p"), "(p)", "AWS_PROFILE"),
        (
            boto.EndpointConnectionError(endpoint_url="http://h"),
            "cannot be reached",
            "what has been published stays",
        ),
        (
            boto.ConnectionClosedError(endpoint_url="http://h"),
            "cannot be reached",
            "what has been published stays",
        ),
        (
            boto.SSLError(endpoint_url="https://h", error=OSError("x")),
            "certificate",
            "AWS_CA_BUNDLE",
        ),
        (boto.ParamValidationError(report="Bad\nname"), "Bad name", "bucket's name"),
    ],
)
def test_errors_say_what_is_wrong_and_the_way_out(
    error: Exception, problem: str, way_out: str
) -> None:
    found = explained(error, "s3://b/p", "k")
    assert found.exit_code == 9
    assert str(found).startswith("s3://b/p: k: ")
    assert problem in found.message
    assert way_out in found.hint
    assert "\n" not in f"{found}{found.hint}"
