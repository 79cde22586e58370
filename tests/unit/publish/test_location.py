"""Where an index is, and its URL."""

import pytest

from slimwheel.errors import UsageError
from slimwheel.publish import parse_location


@pytest.mark.parametrize(
    ("text", "options", "region", "url"),
    [
        ("s3://b/p", {}, None, "https://b.s3.amazonaws.com/p/simple/"),
        ("s3://b/p/q/", {}, "eu-west-1", "https://b.s3.eu-west-1.amazonaws.com/p/q/simple/"),
        ("s3://b", {}, "eu-west-1", "https://b.s3.eu-west-1.amazonaws.com/simple/"),
        ("s3://b.c/p", {}, "us-east-1", "https://s3.us-east-1.amazonaws.com/b.c/p/simple/"),
        ("s3://b/a b", {}, None, "https://b.s3.amazonaws.com/a%20b/simple/"),
        ("s3://b/p", {"endpoint_url": "http://h:9/"}, "r", "http://h:9/b/p/simple/"),
        ("s3://b/p", {"public_url": "https://w.org/x/"}, "r", "https://w.org/x/simple/"),
        ("file:///a/b%20c", {}, None, "file:///a/b%20c/simple/"),
        ("file:///a", {"public_url": "https://w.org"}, None, "https://w.org/simple/"),
    ],
)
def test_the_url_of_the_index(
    text: str, options: dict[str, str], region: str | None, url: str
) -> None:
    assert parse_location(text, **options).index_url(region) == url


@pytest.mark.parametrize(
    "text",
    [
        *("", "b/p", "/tmp/x", "http://b/p"),
        *("s3://", "s3:///p", "s3://b//p", "s3://b/../p", "s3://b/p?x=1", "s3://key@b/p"),
        *("s3://[b/p", "s3://b/p\nq", "s3://b/\udcff", "file:///a%00b", "file:///a\x7f"),
        *("file://host/p", "file://relative", "file:///"),
    ],
)
def test_no_place(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_location(text)
    assert "s3://" in caught.value.hint


@pytest.mark.parametrize(
    "url",
    ["w.org", "https:///x", "https://w.org/?x=1", "https://w.org/#x", "s3://b", "https://w x", ""],
)
def test_no_public_url(url: str) -> None:
    with pytest.raises(UsageError, match="is not the URL"):
        parse_location("s3://b/p", public_url=url)


def test_an_endpoint_is_for_s3_only() -> None:
    with pytest.raises(UsageError, match="endpoint"):
        parse_location("file:///x", endpoint_url="http://h")
