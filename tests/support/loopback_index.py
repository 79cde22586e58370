"""A package index on loopback: PEP 503 and PEP 691 pages of a directory, with PEP 592's yanked."""

import hashlib
import html
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

from packaging.utils import canonicalize_name, parse_wheel_filename

_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = "application/vnd.pypi.simple.v1+html"


class LoopbackIndex:
    """What is served, read anew for each request, and what was asked.

    Attributes:
        directory: where the wheels lie.
        yanked: names of files that are marked so.
        status: answer every request with this status, where it is set.
        requests: the paths that were asked for, in order.
    """

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.yanked: set[str] = set()
        self.status: HTTPStatus | None = None
        self.requests: list[str] = []
        self.url = f"http://127.0.0.1:{port}/simple/"

    def project(self, name: str) -> list[Path]:
        """The wheels of one project."""
        return [
            path
            for path in sorted(self.directory.glob("*.whl"))
            if parse_wheel_filename(path.name)[0] == canonicalize_name(name)
        ]

    def page(self, name: str, as_json: bool) -> bytes | None:
        """The page of one project, or None where there is no such project."""
        files = [
            (path.name, hashlib.sha256(path.read_bytes()).hexdigest(), path.name in self.yanked)
            for path in self.project(name)
        ]
        if not files:
            return None
        if as_json:
            entries = [
                {
                    "filename": file,
                    "url": f"/files/{quote(file)}",
                    "hashes": {"sha256": digest},
                    "yanked": yanked,
                }
                for file, digest, yanked in files
            ]
            page = {"meta": {"api-version": "1.0"}, "name": name, "files": entries}
            return json.dumps(page).encode()
        links = [
            f'<a href="/files/{quote(file)}#sha256={digest}"{" data-yanked" if yanked else ""}>'
            f"{html.escape(file)}</a><br>"
            for file, digest, yanked in files
        ]
        return ("<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>").encode()


@contextmanager
def loopback_index(directory: Path) -> Iterator[LoopbackIndex]:
    """Serve the wheels of `directory` as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            index.requests.append(self.path)
            if index.status is not None:
                self._answer(index.status, b"", "text/plain")
                return
            kind, _, name = unquote(self.path).strip("/").partition("/")
            if kind == "files" and (file := index.directory / name).is_file():
                self._answer(HTTPStatus.OK, file.read_bytes(), "application/octet-stream")
                return
            as_json = _JSON in self.headers.get("Accept", "")
            page = index.page(name, as_json) if kind == "simple" else None
            if page is None:
                self._answer(HTTPStatus.NOT_FOUND, b"", "text/plain")
            else:
                self._answer(HTTPStatus.OK, page, _JSON if as_json else _HTML)

        def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                # Who has seen enough may leave before the end.
                with suppress(ConnectionError):
                    self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name is http.server's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        index = LoopbackIndex(directory, server.server_port)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()
