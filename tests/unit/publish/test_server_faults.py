"""Servers that lose answers, fail after all, are busy or slow: nothing is lost, nothing doubled."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from slimwheel.errors import RemoteError, UsageError
from slimwheel.publish import Publication, Request, publish, reindex, s3
from slimwheel.publish.s3 import S3Store
from tests.support.faulty_proxy import (
    FAILED_AFTER_ALL,
    FINE,
    LOST,
    Fault,
    Faults,
    faulty_proxy,
    first_time,
)
from tests.unit.publish.wheels import plain

PAGES = ("simple/plain/index.html", "simple/plain/index.json", "simple/plain/")


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(moto: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "x")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    client = boto3.client("s3", endpoint_url=moto, region_name="us-east-1")
    name = f"bucket-{uuid.uuid4()}"
    client.create_bucket(Bucket=name)
    return client, name


def through(moto: str, faults: Faults, bucket: Any, *wheels: Path) -> Publication:
    with faulty_proxy(moto, faults) as url:
        store = S3Store(bucket[1], "", url)
        return publish(store, "https://h/simple/", Request(wheels=wheels))


def texts(bucket: Any) -> dict[str, str]:
    client, name = bucket
    keys = [found["Key"] for found in client.list_objects_v2(Bucket=name)["Contents"]]
    return {
        key: client.get_object(Bucket=name, Key=key)["Body"].read().decode(errors="replace")
        for key in keys
    }


def check(bucket: Any, *wheels: Path) -> None:
    found = texts(bucket)
    for wheel in wheels:
        assert all(wheel.name in found[page] for page in PAGES), PAGES
        assert json.loads(found[f"simple/plain/{wheel.name}.json"])["filename"] == wheel.name
        assert found[f"simple/plain/{wheel.name}.metadata"].startswith("Metadata-Version")
    assert all('href="plain/"' in found[page] for page in ("simple/index.html", "simple/"))


@pytest.mark.parametrize("fault", [LOST, FAILED_AFTER_ALL], ids=["lost", "failed after all"])
def test_every_first_answer_is_lost(moto: str, bucket: Any, tmp_path: Path, fault: Fault) -> None:
    wheel = plain(tmp_path)
    # boto3 sends it again, and is told that it is there already.
    publication = through(moto, first_time(fault), bucket, wheel)
    assert publication.warnings == []
    check(bucket, wheel)


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "OperationAborted"])
def test_every_object_is_being_written_by_somebody_else(
    moto: str, bucket: Any, tmp_path: Path, code: str
) -> None:
    busy = Fault(passed=False, status=409, code=code)
    first, second = plain(tmp_path), plain(tmp_path, version="2.0")
    through(moto, first_time(busy), bucket, first)
    publication = through(moto, first_time(busy), bucket, second)
    assert publication.warnings == []
    check(bucket, first, second)


def test_a_yank_whose_answer_is_lost(moto: str, bucket: Any, tmp_path: Path) -> None:
    wheel = plain(tmp_path)
    through(moto, lambda *_: FINE, bucket, wheel)
    with faulty_proxy(moto, first_time(LOST)) as url:
        store = S3Store(bucket[1], "", url)
        publish(store, "https://h/simple/", Request(yank=[wheel.name], reason="bad"))
    assert all("bad" in texts(bucket)[page] for page in PAGES)


def test_a_server_that_thinks_long_after_the_last_byte(
    moto: str, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "_SECONDS", 1)
    wheel = plain(tmp_path)
    sent = []

    def slow(method: str, key: str) -> Fault:
        if method == "PUT" and key.endswith(".whl"):
            sent.append(key)
            return Fault(delay=2.5)
        return FINE

    through(moto, slow, bucket, wheel)
    assert len(sent) == 1
    check(bucket, wheel)


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
def test_a_server_that_knows_no_conditions_is_named_before_a_page_is_written(
    moto: str, bucket: Any, tmp_path: Path, header: str
) -> None:
    def forgetful(method: str, key: str) -> Fault:
        return Fault(forgets=header)

    wheel = plain(tmp_path)
    for _ in range(2):
        with pytest.raises(RemoteError, match="overwrites what it was told not to") as caught:
            through(moto, forgetful, bucket, wheel)
    assert "If-Match" in caught.value.hint
    assert not any("index" in key or key.endswith("/") for key in texts(bucket))


def test_what_a_server_says_is_told_on_one_line(moto: str, bucket: Any, tmp_path: Path) -> None:
    def refuse(method: str, key: str) -> Fault:
        return Fault(passed=False, status=418, code="Odd") if key.endswith(".whl") else FINE

    with pytest.raises(RemoteError, match=r"plain-1.0-py3-none-any.whl: Made so. \(Odd\)"):
        through(moto, refuse, bucket, plain(tmp_path))
    assert "Contents" not in bucket[0].list_objects_v2(Bucket=bucket[1])


def test_keys_of_other_files_write_nothing_outside(moto: str, bucket: Any, tmp_path: Path) -> None:
    name = "plain-9.0-py3-none-any.whl"
    wheel = plain(tmp_path, version="9.0").rename(tmp_path / "wheel")
    outside = tmp_path / "outside"
    outside.mkdir()
    for key in (f"simple/plain/{outside}/{name}", f"simple/plain/../../{name}"):
        bucket[0].put_object(Bucket=bucket[1], Key=key, Body=wheel.read_bytes())
    through(moto, lambda *_: FINE, bucket, plain(tmp_path))
    problems = reindex(S3Store(bucket[1], "", moto))
    assert list(outside.iterdir()) == []
    assert not any(key.endswith(".json") and name in key for key in texts(bucket))
    assert sum("no wheel of plain" in problem for problem in problems) == 2


@pytest.mark.parametrize("page", ["index.html", "", "index.json"])
def test_a_page_of_others_under_any_of_its_keys(
    moto: str, bucket: Any, tmp_path: Path, page: str
) -> None:
    theirs = plain(tmp_path, version="0.9")
    client, name = bucket
    client.put_object(Bucket=name, Key=f"simple/plain/{theirs.name}", Body=theirs.read_bytes())
    client.put_object(Bucket=name, Key=f"simple/plain/{page}", Body=b"theirs")
    before = texts(bucket)
    with pytest.raises(UsageError, match="by other means"):
        through(moto, lambda *_: FINE, bucket, plain(tmp_path))
    assert texts(bucket) == before


def test_a_folder_that_a_console_made_is_nobodys_page(
    moto: str, bucket: Any, tmp_path: Path
) -> None:
    client, name = bucket
    for key in ("simple/", "simple/plain/"):
        client.put_object(Bucket=name, Key=key, Body=b"")
    client.put_object(Bucket=name, Key="simple/plain/plain-3.0-py3-none-any.whl", Body=b"under way")
    wheel = plain(tmp_path)
    through(moto, lambda *_: FINE, bucket, wheel)
    check(bucket, wheel)
    assert "plain-3.0" not in texts(bucket)["simple/plain/"]


def test_prefixes_with_spaces_and_letters(moto: str, bucket: Any, tmp_path: Path) -> None:
    prefix = "a b/ü%20+/日本"
    store = S3Store(bucket[1], prefix, moto)
    for _ in range(2):
        publish(store, "https://h/", Request(wheels=[plain(tmp_path, version="1!1.0+x")]))
    found = texts(bucket)
    assert 'href="plain-1%211.0%2Bx-py3' in found[f"{prefix}/simple/plain/"]
    assert 'href="plain/"' in found[f"{prefix}/simple/"]
    assert all(key.startswith(f"{prefix}/simple/") for key in found)
