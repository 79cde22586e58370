"""Collecting the sources of a network."""

import importlib.machinery
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from slimwheel.shim import ergonomics_files
from slimwheel.shim.torch_ergonomics.models.errors import NotPortable
from slimwheel.shim.torch_ergonomics.models.sources import Collected, collect
from tests.unit.shim.conftest import write as write_bytes
from tests.unit.shim.portable.conftest import Write

SCENARIOS = Path(__file__).with_name("source_scenarios.py")


def names(collected: Collected) -> list[str]:
    return list(collected.sources)


def refuse(entry: str, package: str, include: tuple[str, ...] = ()) -> NotPortable:
    with pytest.raises(NotPortable) as caught:
        collect([entry], package, include)
    return caught.value


def test_every_python(python: str, tmp_path: Path) -> None:
    write_bytes(tmp_path, ergonomics_files())
    result = subprocess.run(
        [python, "-B", str(SCENARIOS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_the_walk(write: Write) -> None:
    root = write(
        {
            "src/project/__init__.py": "raise RuntimeError('not to be run')",
            "src/project/net/__init__.py": "",
            "src/project/net/model.py": (
                "import json, src.project.net.layers.conv\n"
                "from . import heads, VALUE\n"
                "from src.project.net import late as other\n"
                "from src.project import net\n"
                "def f():\n    from .inner.used import x\n"
                "if TYPE_CHECKING:\n    from .types import T\n"
                "try:\n    from . import absent\nexcept ImportError:\n    from . import fallback\n"
            ),
            "src/project/net/layers/__init__.py": "from .norm import *",
            "src/project/net/layers/conv.py": "from ..model import Net  # a cycle",
            "src/project/net/layers/norm.py": "",
            "src/project/net/layers/unused.py": "",
            "src/project/net/heads.py": "from .stars import *",
            "src/project/net/stars/__init__.py": "__all__ = ['one', 'two', 'Three']",
            "src/project/net/stars/one.py": "",
            "src/project/net/stars/two.py": "",
            "src/project/net/stars/three.py": "",
            "src/project/net/late.py": "",
            "src/project/net/inner/used.py": "",
            "src/project/net/types.py": "",
            "src/project/net/fallback.py": "raise RuntimeError('not to be run')",
        }
    )
    before = set(sys.modules)
    collected = collect(["src.project.net.model"], "src.project.net")
    assert not [name for name in set(sys.modules) - before if name.startswith("src")]
    assert names(collected) == [
        "src.project.net",
        "src.project.net.fallback",
        "src.project.net.heads",
        "src.project.net.inner.used",
        "src.project.net.late",
        "src.project.net.layers",
        "src.project.net.layers.conv",
        "src.project.net.layers.norm",
        "src.project.net.model",
        "src.project.net.stars",
        "src.project.net.stars.one",
        "src.project.net.stars.two",
    ]
    assert collected.namespaces == ["src", "src.project", "src.project.net.inner"]
    assert collected.outside == {}
    source = collected.sources["src.project.net.layers"]
    path = root / "src/project/net/layers/__init__.py"
    assert source == ("src.project.net.layers", True, path.read_bytes(), str(path))


def test_a_single_module(write: Write) -> None:
    write({"model.py": "import math\nclass Net: pass", "train.py": "import model"})
    collected = collect(["model"], "model")
    assert (names(collected), collected.namespaces) == (["model"], [])


def test_bytes_are_the_file_s(write: Write) -> None:
    root = write({"encoded.py": ""})
    code = b"# coding: latin-1\r\nx = '\xe9'\r\n"
    (root / "encoded.py").write_bytes(code)
    assert collect(["encoded"], "encoded").sources["encoded"].code == code


def test_attributes_come_before_modules(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write({"pk/__init__.py": "", "pk/net.py": "from pk import config", "pk/config.py": ""})
    assert names(collect(["pk.net"], "pk")) == ["pk", "pk.config", "pk.net"]
    loaded = ModuleType("pk")
    loaded.__spec__ = importlib.machinery.PathFinder.find_spec("pk", [str(root)])
    loaded.__path__ = [str(root / "pk")]
    loaded.config = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pk", loaded)
    assert names(collect(["pk.net"], "pk")) == ["pk", "pk.net"]


def test_a_file_beside_the_package(write: Write) -> None:
    files = {
        "net/__init__.py": "",
        "net/model.py": "import math\nfrom helpers.ops import act\n",
        "helpers/__init__.py": "",
        "helpers/ops.py": "from . import more",
        "helpers/more.py": "",
        "helpers/dynamic/__init__.py": "",
        "helpers/dynamic/plugin.py": "",
        "helpers/data/table.json": "{}",
        "helpers/__main__.py": "",
    }
    root = write(files)
    error = refuse("net.model", "net")
    path = str(root / "net/model.py")
    assert str(error) == (
        f"{path}:2: `from helpers.ops import act`: helpers ({root / 'helpers/__init__.py'}) is "
        'neither carried nor installed: add include=["helpers"], or allow=["helpers"] if it is '
        "there wherever the archive is loaded"
    )
    assert (error.filename, error.line) == (path, 2)
    collected = collect(["net.model"], "net", include=["helpers"])
    assert names(collected) == [
        "helpers",
        "helpers.dynamic",
        "helpers.dynamic.plugin",
        "helpers.more",
        "helpers.ops",
        "net",
        "net.model",
    ]
    assert collected.namespaces == []
    collected = collect(["net.model"], "net", allow=["helpers"])
    assert (names(collected), collected.outside) == (["net", "net.model"], {"helpers": None})
    # Where it is used makes no difference: it would be missing some time.
    write(
        {"net/model.py": "def f():\n    try:\n        import helpers\n    except ImportError: pass"}
    )
    assert refuse("net.model", "net").line == 3


def test_all_places_are_named_at_once(write: Write) -> None:
    write(
        {
            "proj/net/__init__.py": "from .a import x",
            "proj/net/a.py": "import one\nfrom .. import beside\nfrom ..parts.blocks import y",
            "proj/net/b.py": "import one\nimport gone\n",
            "proj/__init__.py": "",
            "proj/beside.py": "",
            "proj/parts/__init__.py": "",
            "proj/parts/blocks.py": "",
            "one.py": "",
        }
    )
    error = refuse("proj.net.b", "proj.net")
    lines = str(error).splitlines()
    assert [line.partition("`: ")[0].rpartition("/")[2] for line in lines] == [
        "b.py:1: `import one",
        "b.py:2: `import gone",
        "a.py:2: `from .. import beside",
        "a.py:3: `from ..parts.blocks import y",
    ]
    assert lines[2].endswith('proj.beside is not carried: add include=["proj.beside"]')
    assert lines[3].endswith('add include=["proj.parts.blocks"]')
    write({"proj/net/b.py": ""})
    included = ["proj.beside", "proj.parts.blocks", "one"]
    collected = collect(["proj.net.b"], "proj.net", included)
    assert collected.namespaces == ["proj", "proj.parts"]
    assert {"proj.beside", "proj.parts.blocks", "one"} < set(collected.sources)


@pytest.mark.parametrize(
    "statement",
    ["from proj import CONSTANT", "from .. import CONSTANT", "import proj", "from proj import *"],
)
def test_code_above_the_package(write: Write, statement: str) -> None:
    write(
        {
            "proj/__init__.py": "CONSTANT = 1",
            "proj/net/__init__.py": "",
            "proj/net/model.py": statement,
        }
    )
    error = refuse("proj.net.model", "proj.net")
    assert f"model.py:1: `{statement}`: of proj the code is not carried" in str(error)
    assert 'name the package "proj"' in str(error)
    assert names(collect(["proj.net.model"], "proj")) == ["proj", "proj.net", "proj.net.model"]


def test_namespaces_above_the_package(write: Write) -> None:
    write({"space/net/model.py": "import space\nfrom space import net\nimport space.net.other"})
    write({"space/net/other.py": ""})
    collected = collect(["space.net.model"], "space.net.model", include=["space.net.other"])
    assert names(collected) == ["space.net.model", "space.net.other"]
    assert collected.namespaces == ["space", "space.net"]
    write({"space/net/model.py": "from space import nothing"})
    assert "no module space.nothing" in str(refuse("space.net.model", "space.net"))


def test_what_is_missing(write: Write) -> None:
    write(
        {"net.py": "def f():\n    import gone_a\ntry:\n    import gone_b\nexcept Exception: pass"}
    )
    assert names(collect(["net"], "net")) == ["net"]
    for statement, module in [
        ("import gone_a.b", "gone_a"),
        ("import net.part", "net.part"),
        ("from .part import x", ".part"),
    ]:
        write({"net.py": "\n" + statement})
        error = refuse("net", "net")
        assert f"net.py:2: `{statement}`: there is no module {module} here" in str(error)
    assert "include names gone_c" in str(refuse("math", "net", ("gone_c",)))


def test_what_only_optional_modules_need_is_not_needed(write: Write) -> None:
    site = write(
        {
            "pk/__init__.py": "",
            "pk/net.py": "import needed\ndef plot():\n    from . import drawing",
            "pk/drawing.py": "import drawn, gone\n",
            "needed.py": "",
            "drawn.py": "",
            "both-1.5.dist-info/RECORD": "needed.py,,\ndrawn.py,,\n",
        }
    )
    assert site.name == "project"
    collected = collect(["pk.net"], "pk")
    assert names(collected) == ["pk", "pk.drawing", "pk.net"]
    assert collected.outside == {"needed": "1.5"}
    assert collect(["pk.drawing", "pk.net"][1:], "pk", ["pk.drawing"]).outside == {"needed": "1.5"}


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"Third_Party-2.0.dist-info/RECORD": '"third/__init__.py",sha256=x,1\n'}, "2.0"),
        ({"other-2.0+cpu.dist-info/top_level.txt": "third\n"}, "2.0+cpu"),
        ({"other-2.0-py3.9.egg-info/top_level.txt": "third\n"}, "2.0"),
        ({"o.egg-info/top_level.txt": "third\n", "o.egg-info/PKG-INFO": "Version: 3.0\n"}, "3.0"),
        ({"third-2.0.dist-info/METADATA": ""}, "2.0"),
        (
            {
                "a-1.dist-info/RECORD": "third/__init__.py,,\n",
                "b-2.dist-info/RECORD": "third/two.py,,\n",
            },
            None,
        ),
        # A companion that has nothing, and the distribution that has it.
        (
            {
                "third-2.0+slim.dist-info/RECORD": "third-2.0+slim.dist-info/RECORD,,\n",
                "third_cpu-2.0.dist-info/RECORD": "third/__init__.py,,\n",
            },
            "2.0",
        ),
    ],
)
def test_installed(write: Write, files: dict[str, str], version: str | None) -> None:
    write({"net.py": "import third.part\nimport third", "third/__init__.py": "", **files})
    assert collect(["net"], "net").outside == {"third": version}


@pytest.mark.parametrize("module", ["third.py", "third/__init__.py", "third/part.py"])
def test_a_file_that_has_the_name_of_a_distribution(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    write({"net.py": "import third", module: ""})
    folder = tmp_path / "elsewhere/third-2.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "top_level.txt").write_text("third\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder.parent)])
    assert 'include=["third"]' in str(refuse("net", "net"))
    # It is the distribution's if that is installed from there, as an editable one.
    url = (tmp_path / "project").as_uri()
    (folder / "direct_url.json").write_text(
        json.dumps({"url": url, "dir_info": {"editable": True}})
    )
    assert collect(["net"], "net").outside == {"third": "2.0"}
    (folder / "direct_url.json").write_text("[]")
    assert 'include=["third"]' in str(refuse("net", "net"))


def test_a_directory_for_installed_packages(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write({"net.py": "import third"})
    packages = tmp_path / "dist-packages"
    packages.mkdir()
    (packages / "third.py").touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(packages)])
    assert collect(["net"], "net").outside == {"third": None}


def test_the_standard_library_and_files_of_its_names(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is loaded is what an import finds.
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    source = "import sys, os.path, xml.dom, _ctypes, encodings, winreg, __future__, time\n"
    write({"net.py": source})
    assert collect(["net"], "net").outside == {}
    write({"colorsys.py": "", "net.py": source + "import colorsys"})
    assert "colorsys.py) is neither carried nor installed" in str(refuse("net", "net"))


def test_entries_elsewhere(write: Write) -> None:
    write({"net.py": "", "beside.py": ""})
    collected = collect(["net", "pytest.mark", "math"], "net", allow=["beside"])
    assert list(collected.outside) == ["pytest"]
    assert collected.outside["pytest"] == pytest.__version__
    error = refuse("beside", "net")
    assert str(error).startswith("beside (")
    assert (error.filename, error.line) == (None, None)


def test_torch_ergonomics_is_always_there(write: Write) -> None:
    write({"net.py": "from torch_ergonomics import Portable"})
    assert collect(["net"], "net").outside == {"torch_ergonomics": None}


@pytest.mark.parametrize(
    "file",
    ["native" + importlib.machinery.EXTENSION_SUFFIXES[0], "native.pyc", "native/__init__.pyc"],
)
def test_compiled_modules(write: Write, file: str) -> None:
    root = write({"pk/__init__.py": "from . import net", "pk/net.py": "\nfrom .native import f"})
    write({f"pk/{file}": ""})
    error = refuse("pk.net", "pk")
    assert f"`from .native import f`: pk.native ({root / 'pk' / file}) is compiled" in str(error)
    assert (error.filename, error.line) == (str(root / "pk/net.py"), 2)


def test_invalid_sources(write: Write) -> None:
    root = write({"pk/__init__.py": "", "pk/net.py": "from . import bad", "pk/bad.py": "\nx ="})
    error = refuse("pk.net", "pk")
    assert str(error).startswith(f"{root / 'pk/bad.py'}:2: no valid source: ")
    assert (error.filename, error.line) == (str(root / "pk/bad.py"), 2)


def test_calls_do_not_reach_into_an_archive(write: Write) -> None:
    root = write(
        {
            "pk/__init__.py": "",
            "pk/net.py": "import importlib\ndef f():\n    return importlib.import_module('pk.a')",
            "pk/a.py": "",
        }
    )
    error = refuse("pk.net", "pk")
    assert str(error) == (
        f'{root / "pk/net.py"}:3: `import_module("pk.a")`: in an archive pk.a is found by import '
        "statements, not by calls"
    )
    for call, found in [
        ("importlib.import_module('.a', __package__)", ["pk", "pk.a", "pk.net"]),
        ("__import__('math')", ["pk", "pk.net"]),
        ("__import__('pk.' + name)", ["pk", "pk.net"]),
        ("__import__('pk.gone')", ["pk", "pk.net"]),
    ]:
        write({"pk/net.py": f"import importlib\ndef f(name):\n    return {call}"})
        assert names(collect(["pk.net"], "pk")) == found, call


def test_links_in_circles(write: Write) -> None:
    root = write({"net.py": "", "pk/__init__.py": "", "pk/sub/__init__.py": "", "pk/sub/a.py": ""})
    (root / "pk/sub/again").symlink_to(root / "pk")
    found = names(collect(["net"], "net", ["pk"]))
    assert {"pk.sub.a", "pk.sub.again", "net"} < set(found)
    assert len(found) < 10


def test_many_modules(write: Write) -> None:
    files = {f"pk/m{i}.py": f"from . import m{i + 1}, m0\n" for i in range(400)}
    write({"pk/__init__.py": "", "pk/m400.py": "", **files})
    assert len(collect(["pk.m0"], "pk").sources) == 402
