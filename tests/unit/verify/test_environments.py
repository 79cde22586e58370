"""Environments: made, installed into and run in; interpreters found by running them."""

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

from slimwheel.errors import OutputExists, ToolError
from slimwheel.verify import environments
from slimwheel.verify.environments import (
    Environment,
    Installer,
    create_environment,
    find_python,
    find_uv,
    run,
)

OWN_VERSION = "{}.{}".format(*sys.version_info)


def make_wheel(directory: Path, name: str, requires: str | None = None) -> Path:
    """A wheel of one module that says its own name."""
    files = {
        f"{name}.py": f"NAME = {name!r}\n",
        f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{name}-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
        record += f"{path},sha256={digest.decode().rstrip('=')},{len(text)}\n"
    files[f"{name}-1.0.dist-info/RECORD"] = record + f"{name}-1.0.dist-info/RECORD,,\n"
    wheel = directory / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


@pytest.fixture(scope="module", params=["uv", "pip"])
def environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    installer: Installer = request.param
    if installer == "uv" and find_uv() is None:
        pytest.skip("uv is not installed")
    path = tmp_path_factory.mktemp("environment") / "above" / installer
    return create_environment(path, Path(sys.executable), installer=installer)


def test_a_wheel_is_installed_with_what_it_requires(
    environment: Environment, tmp_path: Path
) -> None:
    make_wheel(tmp_path, "required")
    wheel = make_wheel(tmp_path, "dependent", "required")
    environment.install(wheel, offline=True, find_links=[tmp_path])
    assert (environment.site_packages / "dependent.py").is_file()
    program = "import dependent, required; print(dependent.NAME, required.NAME)"
    assert environment.run(["python", "-c", program]).stdout == "dependent required\n"


def test_a_wheel_is_installed_without_what_it_requires(
    environment: Environment, tmp_path: Path
) -> None:
    environment.install(make_wheel(tmp_path, "alone", "missing"), deps=False, offline=True)
    assert (environment.site_packages / "alone.py").is_file()


@pytest.mark.skipif(find_uv() is None, reason="uv is not installed")
def test_uv_keeps_nothing_of_a_file_in_its_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slim torch is half a gigabyte unpacked, and another one after every build."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("UV_CACHE_DIR", str(cache))
    links = tmp_path / "links"
    links.mkdir()
    make_wheel(links, "required")
    wheel = make_wheel(tmp_path, "dependent", "required")
    environment = create_environment(tmp_path / "env", Path(sys.executable), installer="uv")
    environment.install(wheel, "required", offline=True, find_links=[links])
    assert {path.name for path in environment.site_packages.glob("*.py")} >= {
        "dependent.py",
        "required.py",
    }
    assert list(cache.rglob("required*"))
    assert list(cache.rglob("dependent.py")) == []


def test_a_failed_installation_says_what_the_installer_said(
    environment: Environment, tmp_path: Path
) -> None:
    with pytest.raises(ToolError, match=r"missing[_-]requirement"):
        environment.install(make_wheel(tmp_path, "unlucky", "missing_requirement"), offline=True)


def test_an_environment_is_isolated_from_this_process(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    program = "import sys; print(sys.prefix); import outside"
    finished = environment.run([environment.python, "-c", program])
    assert finished.returncode == 1
    assert finished.stdout.strip() == str(environment.path)
    assert "No module named 'outside'" in finished.stderr


def test_variables_and_directory_of_a_run(environment: Environment, tmp_path: Path) -> None:
    program = "import os; print(os.environ['CHOSEN'], os.getcwd(), os.environ['VIRTUAL_ENV'])"
    finished = environment.run(["python", "-c", program], {"CHOSEN": "yes"}, cwd=tmp_path)
    assert finished.stdout.split() == ["yes", str(tmp_path), str(environment.path)]


def test_an_environment_is_new(tmp_path: Path) -> None:
    with pytest.raises(OutputExists):
        create_environment(tmp_path, Path(sys.executable))


def test_uv_is_chosen_where_it_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "find_uv", lambda: None)
    with pytest.raises(ToolError, match="uv is not found"):
        create_environment(tmp_path / "uv", Path(sys.executable), installer="uv")
    assert create_environment(tmp_path / "any", Path(sys.executable)).installer == "pip"


def test_an_interpreter_that_makes_no_environment(tmp_path: Path) -> None:
    with pytest.raises(ToolError):
        create_environment(tmp_path / "new", Path("/bin/false"), installer="pip")


def test_a_command_that_does_not_end_or_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"still running after 0\.2 s"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2)
    with pytest.raises(ToolError, match="cannot be run"):
        run([tmp_path / "missing"])


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_own_interpreter_is_found() -> None:
    assert find_python(OWN_VERSION) == Path(sys.executable)


def test_an_interpreter_on_path_has_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "shims" / "python3.99", "echo 'command not found' >&2; exit 127")
    script(tmp_path / "other" / "python3.99", f'exec "{sys.executable}" "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}:{tmp_path / 'other'}:/usr/bin:/bin")
    assert find_python("3.99") is None
    right = script(tmp_path / "other" / "python3.99", "printf cpython-3.99")
    assert find_python("3.99") == right


def test_an_explicit_interpreter_comes_first_and_must_fit(tmp_path: Path) -> None:
    given = script(tmp_path / "given", f'exec "{sys.executable}" "$@"')
    assert find_python(OWN_VERSION, {OWN_VERSION: given}) == given
    with pytest.raises(ToolError, match=r"does not run as CPython 3\.99"):
        find_python("3.99", {"3.99": given})
