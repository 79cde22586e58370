"""What pip and uv make of odd wheels on an index, from its HTML and from its JSON."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from uv import find_uv_bin

from slimwheel.publish import Request, publish
from slimwheel.publish.directory import directory_store
from tests.support.installers import Environment, isolated
from tests.support.upstream import make_wheel

JSON_PAGE = "application/vnd.pypi.simple.v1+json"


class _Negotiating(SimpleHTTPRequestHandler):
    """Serves index.json to whoever asks for it, as a CDN's function does."""

    def do_GET(self) -> None:
        wanted = self.path.endswith("/") and JSON_PAGE in self.headers.get("Accept", "")
        if not wanted:
            super().do_GET()
            return
        page = Path(self.translate_path(self.path), "index.json")
        if not page.is_file():
            self.send_error(404)
            return
        data = page.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", JSON_PAGE)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class _Plain(_Negotiating):
    def do_GET(self) -> None:
        SimpleHTTPRequestHandler.do_GET(self)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheels")

    def made(file: str, name: str, version: str, *extra: str) -> Path:
        wheel = make_wheel(
            directory,
            {f"{name.replace('-', '_')}.py": f"version = {version!r}\n"},
            name=name,
            version=version,
            tags=["py3-none-any"],
            purelib=True,
            metadata_extra=extra,
        )
        return wheel.rename(directory / file)

    wheels = [
        made("My.Pkg-1!2.0+a.b-py3-none-any.whl", "my-pkg", "1!2.0+a.b", "Requires-Dist: second<3"),
        made(
            "second-1.0-1x-py3-none-any.whl", "second", "1.0", "Requires-Python: >=3.6,\r", "  <4\r"
        ),
        made("second-2.0-py3-none-any.whl", "second", "2.0"),
        made("second-2.5-py3-none-any.whl", "second", "2.5", "Requires-Python: >=99"),
    ]
    index = tmp_path_factory.mktemp("index")
    with directory_store(index) as store:
        publish(store, "https://h/simple/", Request(wheels=wheels))
        reason = 'broken: <b>&"quoted"\nin two lines, 日本'
        publish(store, "https://h/simple/", Request(yank=[wheels[2].name], reason=reason))
    return index


@pytest.fixture(params=[_Plain, _Negotiating], ids=["html", "json"])
def url(root: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    handler = partial(request.param, directory=str(root))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_odd_wheels_are_found_and_yanked_ones_are_not(
    url: str, tmp_path: Path, installer: str
) -> None:
    environment = Environment.create(tmp_path / "env")
    command = {
        "pip": [sys.executable, "-m", "pip", "--python", str(environment.python), "install"],
        "uv": [find_uv_bin(), "pip", "install", "--python", str(environment.python)],
    }[installer]
    done = subprocess.run(
        [*command, "--index-url", url, "My_pkg>=1!1"],
        capture_output=True,
        text=True,
        check=False,
        env=isolated(),
    )
    assert done.returncode == 0, done.stderr
    said = environment.run(
        "import json, my_pkg, second; print(json.dumps([my_pkg.version, second.version]))"
    )
    assert said == ["1!2.0+a.b", "1.0"]


def test_a_yanked_file_that_is_pinned_is_installed_and_the_reason_shown(
    url: str, tmp_path: Path
) -> None:
    environment = Environment.create(tmp_path / "env")
    pip = [sys.executable, "-m", "pip", "--python", str(environment.python), "install"]
    done = subprocess.run(
        [*pip, "--index-url", url, "second==2.0"],
        capture_output=True,
        text=True,
        check=False,
        env=isolated(),
    )
    assert done.returncode == 0, done.stderr
    assert 'broken: <b>&"quoted"' in done.stderr
    said = environment.run("import json, second; print(json.dumps(second.version))")
    assert said == "2.0"
