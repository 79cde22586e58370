"""An HTTP server on loopback that passes requests on, and answers some otherwise than it should."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Fault:
    """What happens to a request.

    Attributes:
        passed: whether the server behind gets it.
        status: answered in place of the server's; 0: the connection is closed without an answer;
            None: the server's own.
        code: of the error, as S3 has it.
        delay: in seconds, before it is answered.
        forgets: a header that is lost on the way.
    """

    passed: bool = True
    status: int | None = None
    code: str = "InternalError"
    delay: float = 0
    forgets: str = ""


FINE = Fault()
LOST = Fault(status=0)
FAILED_AFTER_ALL = Fault(status=500)

Faults = Callable[[str, str], Fault]


def first_time(fault: Fault, method: str = "PUT") -> Faults:
    """Let the first request for each key meet a fault."""
    seen = set()

    def decide(asked: str, key: str) -> Fault:
        if asked != method or key in seen:
            return FINE
        seen.add(key)
        return fault

    return decide


@contextmanager
def faulty_proxy(behind: str, faults: Faults) -> Iterator[str]:
    """Stand before a server as long as the context lasts; yields the URL.

    Args:
        behind: the server's URL.
        faults: asked with the method and path of every request.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = faults(self.command, unquote(urlsplit(self.path).path))
            answer = _passed(behind, self, body, fault) if fault.passed else None
            time.sleep(fault.delay)
            if fault.status == 0:
                self.close_connection = True
                return
            if fault.status is None:
                assert answer is not None
                status, headers, data = answer
            else:
                text = f"<Error><Code>{fault.code}</Code><Message>Made so.</Message></Error>"
                status, headers, data = fault.status, {"Content-Type": "application/xml"}, b""
                data = text.encode()
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_PUT = do_HEAD = do_POST = do_GET  # noqa: N815 - the names are http.server's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


def _passed(
    behind: str, request: BaseHTTPRequestHandler, body: bytes, fault: Fault
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(behind).netloc, timeout=60)
    connection.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers.items():
        # The name of the host is signed; the server behind has to see what was signed.
        if name.lower() not in ("expect", "connection", fault.forgets.lower()):
            connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    unwanted = {"connection", "transfer-encoding"}
    if request.command != "HEAD":
        unwanted.add("content-length")
    headers = {k: v for k, v in answer.getheaders() if k.lower() not in unwanted}
    data = answer.read()
    connection.close()
    return answer.status, headers, data
