"""Plain static web servers on loopback, as they stand before an index."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError

from tests.support.s3_server import BUCKET, Server


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def website(directory: Path) -> Iterator[str]:
    """Serve a directory; yields its URL, with a slash at the end."""
    with _running(partial(_Quiet, directory=str(directory))) as url:
        yield url


@contextmanager
def bucket_website(server: Server) -> Iterator[str]:
    """Serve a bucket as S3's website hosting and CDNs do: index.html for what ends in a slash."""
    client = server.client()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            key = unquote(urlsplit(self.path).path).lstrip("/")
            try:
                found = client.get_object(
                    Bucket=BUCKET, Key=f"{key}index.html" if key.endswith("/") or not key else key
                )
            except ClientError as error:
                self.send_response(int(error.response["ResponseMetadata"]["HTTPStatusCode"]))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = found["Body"].read()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", found["ContentType"])
            self.send_header("Cache-Control", found["CacheControl"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name is http.server's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with _running(Handler) as url:
        yield url


@contextmanager
def _running(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
