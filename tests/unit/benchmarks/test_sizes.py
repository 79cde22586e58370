"""Sizes of wheels, from the archive, and of what is installed besides, from RECORD."""

import zipfile
from pathlib import Path

from slimwheel.verify.sizes import Dependency, Sizes, dependencies_in, sizes_of


def install(site_packages: Path, name: str, version: str, record: str) -> int:
    """Write a dist-info as an installer leaves it; the size of its RECORD, which has none."""
    directory = site_packages / f"{name}-{version}.dist-info"
    directory.mkdir(parents=True)
    (directory / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8"
    )
    text = f"{record}{directory.name}/RECORD,,\n"
    (directory / "RECORD").write_text(text, "utf-8")
    return len(text)


def test_files_count_as_record_states_them_and_bytecode_does_not(tmp_path: Path) -> None:
    lines = "one/__init__.py,sha256=AA,300\none/__pycache__/__init__.cpython-36.pyc,,\n"
    record = install(tmp_path, "Some_One", "1.2", lines)
    assert dependencies_in(tmp_path, []) == {"some-one": Dependency("1.2", 300 + record)}


def test_a_file_elsewhere_and_a_quoted_name_count(tmp_path: Path) -> None:
    lines = '"odd,name.so",sha256=AA,40\n../../bin/tool,sha256=AA,2\n'
    record = install(tmp_path, "tool", "1", lines)
    assert dependencies_in(tmp_path, [])["tool"].installed == 42 + record


def test_projects_and_what_an_environment_brings_are_aside(tmp_path: Path) -> None:
    for name in ("pip", "setuptools", "torch", "torch_cpu", "numpy", "Jinja2"):
        install(tmp_path, name, "1", "")
    assert list(dependencies_in(tmp_path, ["torch", "torch-cpu"])) == ["jinja2", "numpy"]


def test_wheels_that_are_installed_together_add_up(tmp_path: Path) -> None:
    wheels = [tmp_path / "a.whl", tmp_path / "b.whl"]
    for wheel in wheels:
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/one.py", b"#" * 5000)
    download = sum(wheel.stat().st_size for wheel in wheels)
    assert sizes_of(wheels) == Sizes(download, 10_000)
    assert download < 1000
