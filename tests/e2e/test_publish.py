"""`slimwheel publish` to a real S3 server: what lands there, others beside, what goes wrong."""

import hashlib
import json
import multiprocessing
import os
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from slimwheel.errors import RemoteError
from slimwheel.publish import Request, open_store, parse_location, publish
from slimwheel.publish.publishing import Progress
from tests.support.installers import Environment, isolated
from tests.support.s3_server import BUCKET, Server, s3_server
from tests.support.upstream import make_wheel
from tests.support.websites import bucket_website
from tests.unit.publish.wheels import companion, plain, slim

pytestmark = pytest.mark.xdist_group("s3")
PUBLISHERS = 8


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with s3_server(tmp_path_factory.mktemp("s3") / "server") as running:
        yield running


def place(server: Server, prefix: str) -> list[str]:
    return [f"s3://{BUCKET}/{prefix}", "--endpoint-url", server.url]


def run(server: Server, *words: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "slimwheel", "publish", *map(str, words)]
    environment = os.environ | server.environment() | variables
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def listed(server: Server, prefix: str, project: str) -> dict[str, dict[str, Any]]:
    page = json.loads(server.get(f"{prefix}/simple/{project}/index.json"))
    return {file["filename"]: file for file in page["files"]}


def check_whole(server: Server, prefix: str) -> set[str]:
    """Hold the pages of an index against its objects; return what is listed."""
    objects = server.objects(f"{prefix}/")
    found = set()
    for key in objects:
        if not key.endswith("/index.json") or key == f"{prefix}/simple/index.json":
            continue
        folder = key.removesuffix("index.json")
        files = json.loads(server.get(key))["files"]
        for file in files:
            assert objects[folder + file["filename"]] == file["size"]
            data = server.get(folder + file["filename"])
            assert hashlib.sha256(data).hexdigest() == file["hashes"]["sha256"]
            metadata = server.get(f"{folder}{file['filename']}.metadata")
            assert hashlib.sha256(metadata).hexdigest() == file["core-metadata"]["sha256"]
            found.add(file["filename"])
    return found


def test_the_command_says_what_it_did(server: Server, tmp_path: Path) -> None:
    companion(tmp_path)
    done = run(server, *place(server, "said"), slim(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "uploaded: torch_cpu-1.0-py3-none-any.whl" in done.stdout
    assert f"index: {server.url}/{BUCKET}/said/simple/" in done.stdout
    assert "--extra-index-url" in done.stderr
    assert check_whole(server, "said") == {
        "torch-1.0+slim.cpu-py3-none-any.whl",
        "torch_cpu-1.0-py3-none-any.whl",
    }
    again = run(server, *place(server, "said"), tmp_path / "torch_cpu-1.0-py3-none-any.whl")
    assert "unchanged: torch_cpu-1.0-py3-none-any.whl" in again.stdout
    report = run(server, *place(server, "said"), "--reindex", "--json")
    assert json.loads(report.stdout)["reindexed"] is True


def test_a_server_without_directories_as_objects_is_named_once(
    server: Server, tmp_path: Path
) -> None:
    done = run(server, *place(server, "slashes"), plain(tmp_path), plain(tmp_path, "other"))
    assert done.stderr.count("end in a slash") == 1


def test_other_bytes_are_a_conflict(server: Server, tmp_path: Path) -> None:
    wheel = plain(tmp_path)
    assert run(server, *place(server, "conflict"), wheel).returncode == 0
    before = server.objects("conflict/")
    wheel.unlink()
    done = run(server, *place(server, "conflict"), plain(tmp_path, content="changed"))
    assert done.returncode == 8
    assert "is published already with other bytes" in done.stderr
    assert server.objects("conflict/") == before


def test_a_broken_wheel_is_refused(server: Server, tmp_path: Path) -> None:
    wheel = plain(tmp_path)
    damaged = plain(tmp_path, "damaged")
    with zipfile.ZipFile(damaged, "a") as archive:
        archive.writestr("damaged/more.py", "")
    done = run(server, *place(server, "broken"), wheel, damaged)
    assert done.returncode == 1
    assert "SW102 error: damaged/more.py" in done.stderr
    assert "nothing was published" in done.stderr
    assert server.objects("broken/") == {}


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_installed_from_the_server(server: Server, tmp_path: Path, installer: str) -> None:
    companion(tmp_path)
    dependent = make_wheel(
        tmp_path,
        {"vision.py": "import torch\nversion = torch.__version__\n"},
        name="vision",
        version="3.0",
        tags=["py3-none-any"],
        purelib=True,
        metadata_extra=["Requires-Dist: torch==1.0"],
    )
    prefix = f"install-{installer}"
    done = run(server, *place(server, prefix), slim(tmp_path), dependent)
    assert done.returncode == 0, done.stderr
    environment = Environment.create(tmp_path / "env")
    command = [sys.executable, "-m", "pip", "--python", str(environment.python), "install"]
    if installer == "uv":
        from uv import find_uv_bin

        command = [find_uv_bin(), "pip", "install", "--python", str(environment.python)]
    with bucket_website(server) as url:
        command += ["--index-url", f"{url}{prefix}/simple/"]
        # uv takes a yanked version for nobody but who asks for it.
        command += ["torch-cpu==1.0", "torch==1.0+slim.cpu", "vision"]
        installed = subprocess.run(
            command, capture_output=True, text=True, check=False, env=isolated()
        )
    assert installed.returncode == 0, installed.stderr
    said = environment.run("import json, vision; print(json.dumps(vision.version))")
    assert said == "1.0"


# Eight at once, and one that is killed: by the library, in processes that have imported it.


def _publish(url: str, prefix: str, wheel: Path, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    location = parse_location(f"s3://{BUCKET}/{prefix}", endpoint_url=url)
    with open_store(location) as (store, index):
        publish(store, index, Request(wheels=[wheel]))


def _publisher(
    barrier: Barrier, url: str, wheel: Path, rounds: int, environment: dict[str, str]
) -> None:
    for number in range(rounds):
        barrier.wait()
        _publish(url, f"at-once-{number}", wheel, environment)


def eight_at_once(server: Server, directory: Path, rounds: int) -> None:
    wheels = [plain(directory, version=f"1.{number}") for number in range(PUBLISHERS)]
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PUBLISHERS)
    processes = [
        context.Process(
            target=_publisher, args=(barrier, server.url, wheel, rounds, server.environment())
        )
        for wheel in wheels
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * PUBLISHERS
    for number in range(rounds):
        prefix = f"at-once-{number}"
        assert check_whole(server, prefix) == {wheel.name for wheel in wheels}
        html = server.get(f"{prefix}/simple/plain/index.html").decode()
        assert all(f">{wheel.name}</a>" in html for wheel in wheels)
        assert b'href="plain/"' in server.get(f"{prefix}/simple/index.html")


def test_eight_publishers_at_once_lose_nothing(server: Server, tmp_path: Path) -> None:
    eight_at_once(server, tmp_path, 10)


@pytest.mark.slow
def test_eight_publishers_at_once_a_hundred_times(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with s3_server(tmp_path_factory.mktemp("s3") / "server") as own:
        eight_at_once(own, tmp_path, 100)


def killed_at_random(server: Server, directory: Path, times: int, seed: int) -> None:
    chance = random.Random(seed)
    companion(directory)
    small = slim(directory)
    content = chance.randbytes(6 << 20).hex()
    large = plain(directory, "large", content=content)
    context = multiprocessing.get_context("fork")

    def start(prefix: str) -> Any:
        wheels = [directory / "torch-1.0+slim.cpu-py3-none-any.whl", small, large]
        process = context.Process(target=_publish_all, args=(server, prefix, wheels))
        process.start()
        return process

    begin = time.monotonic()
    whole = start("whole")
    whole.join()
    assert whole.exitcode == 0
    duration = time.monotonic() - begin
    everything = check_whole(server, "whole")
    assert len(everything) == 3
    killed = 0
    for number in range(times):
        prefix = f"killed-{number}"
        process = start(prefix)
        process.join(chance.uniform(0, duration))
        killed += process.is_alive()
        process.kill()
        process.join()
        assert check_whole(server, prefix) <= everything
        again = start(prefix)
        again.join()
        assert again.exitcode == 0
        assert check_whole(server, prefix) == everything
    assert killed


def _publish_all(server: Server, prefix: str, wheels: list[Path]) -> None:
    os.environ.update(server.environment())
    location = parse_location(f"s3://{BUCKET}/{prefix}", endpoint_url=server.url)
    with open_store(location) as (store, index):
        publish(store, index, Request(wheels=wheels))


def test_killed_at_a_random_moment_and_run_again(server: Server, tmp_path: Path) -> None:
    killed_at_random(server, tmp_path, 5, seed=1)


@pytest.mark.slow
def test_killed_fifty_times(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with s3_server(tmp_path_factory.mktemp("s3") / "server", volumes=40) as own:
        killed_at_random(own, tmp_path, 50, seed=2)


# What goes wrong.


def fails(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """One error of two lines, and the exit code of remote errors."""
    assert done.returncode == 9, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 2, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def test_a_wrong_secret(server: Server, tmp_path: Path) -> None:
    done = run(
        server, *place(server, "x"), plain(tmp_path), **server.environment("writer", "wrong")
    )
    fails(done, "the secret key is wrong (SignatureDoesNotMatch)", "AWS_SECRET_ACCESS_KEY")


def test_an_unknown_key(server: Server, tmp_path: Path) -> None:
    done = run(server, *place(server, "x"), plain(tmp_path), **server.environment("nobody", "s"))
    fails(done, "the access key is not known there (InvalidAccessKeyId)")


def test_no_credentials_at_all(server: Server, tmp_path: Path) -> None:
    nothing = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    fails(run(server, *place(server, "x"), plain(tmp_path), **nothing), "there are no credentials")


def test_a_missing_bucket(server: Server, tmp_path: Path) -> None:
    done = run(server, "s3://absent/x", "--endpoint-url", server.url, plain(tmp_path))
    fails(done, "s3://absent/x", "there is no such bucket", "Create it")


def test_a_key_that_may_only_read(server: Server, tmp_path: Path) -> None:
    done = run(server, *place(server, "ro"), plain(tmp_path), **server.environment("reader"))
    fails(done, "access is denied", "s3:PutObject")
    assert server.objects("ro/") == {}


def test_nobody_listens(server: Server, tmp_path: Path) -> None:
    nowhere = ["--endpoint-url", "http://127.0.0.1:9"]
    done = run(server, f"s3://{BUCKET}/x", *nowhere, plain(tmp_path))
    fails(done, "the server cannot be reached")


def test_a_server_that_dies_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = plain(tmp_path, "large", content=random.Random(3).randbytes(24 << 20).hex())
    with s3_server(tmp_path / "server") as own:
        for name, value in own.environment().items():
            monkeypatch.setenv(name, value)
        passes, before = 0, 0

        def watch(progress: Progress) -> None:
            # The file is read once to sign it, and once more to send it.
            nonlocal passes, before
            passes += progress.done < before
            before = progress.done
            if passes and progress.done > progress.total // 2 and own.process.poll() is None:
                own.kill()

        location = parse_location(f"s3://{BUCKET}/x", endpoint_url=own.url)
        with (
            open_store(location) as (store, index),
            pytest.raises(RemoteError, match="the server cannot be reached") as caught,
        ):
            publish(store, index, Request(wheels=[large]), watch)
        assert passes
    assert "Run it again" in caught.value.hint


def test_a_server_that_is_full(tmp_path: Path) -> None:
    large = plain(tmp_path, "large", content=random.Random(4).randbytes(24 << 20).hex())
    with s3_server(tmp_path / "server", volumes=7, volume_megabytes=1) as own:
        done = run(own, *place(own, "full"), large)
        fails(done, "the server failed", "space left")
        assert not own.objects("full/simple/large/index.html")
