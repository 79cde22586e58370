"""A real S3 server on loopback: SeaweedFS, with credentials, signatures and conditional writes."""

import json
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

WEED = Path(sysconfig.get_path("scripts"), "weed")
KEYS = {"writer": "writers-secret", "reader": "readers-secret"}
ACTIONS = {"writer": ["Admin", "Read", "Write", "List", "Tagging"], "reader": ["Read", "List"]}
BUCKET = "wheels"
_PORTS = [
    f"{part}.port{kind}" for part in ("s3", "master", "volume", "filer") for kind in ("", ".grpc")
]
_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    url: str
    process: subprocess.Popen[bytes]

    def environment(self, key: str = "writer", secret: str | None = None) -> dict[str, str]:
        """Variables with which boto3 finds these credentials and no others."""
        return {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret or KEYS[key],
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def client(self) -> Any:
        """A client of boto3's that may do everything."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id="writer",
            aws_secret_access_key=KEYS["writer"],
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def objects(self, prefix: str = "") -> dict[str, int]:
        """Sizes by key."""
        pages = self.client().get_paginator("list_objects_v2")
        return {
            found["Key"]: found["Size"]
            for page in pages.paginate(Bucket=BUCKET, Prefix=prefix)
            for found in page.get("Contents", ())
        }

    def get(self, key: str) -> bytes:
        data: bytes = self.client().get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return data

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()


@contextmanager
def s3_server(
    directory: Path, *, volumes: int = 20, volume_megabytes: int = 64
) -> Iterator[Server]:
    """Run a server with an empty bucket as long as the context lasts.

    Args:
        directory: where it keeps everything; removed at the end.
        volumes, volume_megabytes: what it has space for.
    """
    directory.mkdir(parents=True)
    ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
    identities = [
        {
            "name": key,
            "credentials": [{"accessKey": key, "secretKey": secret}],
            "actions": ACTIONS[key],
        }
        for key, secret in KEYS.items()
    ]
    config = directory / "identities.json"
    config.write_text(json.dumps({"identities": identities}))
    command = [
        *(str(WEED), "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={directory}"),
        *(
            "-s3",
            f"-s3.config={config}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.autoCreateBucket=false",
        ),
        *(f"-master.volumeSizeLimitMB={volume_megabytes}", f"-volume.max={volumes}"),
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    server = Server(f"http://127.0.0.1:{ports['s3.port']}", process)
    try:
        _wait(server, directory / "log")
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)
        for port in ports.values():
            for left in Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{port}.sock"):
                left.unlink()


def _wait(server: Server, log: Path) -> None:
    client = server.client()
    for _ in range(_SECONDS * 4):
        assert server.process.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            client.create_bucket(Bucket=BUCKET)
        except (BotoCoreError, ClientError):
            time.sleep(0.25)
        else:
            return
    raise AssertionError(log.read_text(errors="replace")[-2000:])


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
