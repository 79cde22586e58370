"""A matrix file: what it may hold, what its faults are called, and what it expands to."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from slimwheel.cli.build import command as build_command
from slimwheel.errors import MatrixError
from slimwheel.matrix import Entry, as_actions, as_makefile, expand, load_matrix

PROJECT = Path(__file__).parents[3]
LINUX = "manylinux_2_28_x86_64"
BUILD: dict[str, Any] = {
    "upstreams": ["torch==2.13.0+cpu"],
    "pythons": ["3.11"],
    "platforms": [LINUX],
    "recipes": ["cpu"],
}


def written(directory: Path, *builds: dict[str, Any], **top: Any) -> Path:
    path = directory / "matrix.toml"
    path.write_text(tomli_w.dumps({"schema": 1, **top, "build": list(builds)}))
    return path


def entries(path: Path) -> tuple[Entry, ...]:
    return expand(load_matrix(path), path)


def test_an_entry_is_complete(tmp_path: Path) -> None:
    build = BUILD | {"extra_index_url": ["https://example.org/simple"], "max_installed": "450 MB"}
    (entry,) = entries(written(tmp_path, build))
    assert entry.to_json() == {
        "name": "torch-2.13.0+cpu-cp311-manylinux_2_28_x86_64-cpu",
        "upstream": "torch==2.13.0+cpu",
        "python": "3.11",
        "platform": LINUX,
        "recipe": "cpu",
        "devices": [],
        "max_installed": 450_000_000,
        "words": [
            *("--recipe", "cpu", "--python", "3.11", "--platform", LINUX),
            *("--extra-index-url", "https://example.org/simple", "--max-installed", "450000000"),
            "torch==2.13.0+cpu",
        ],
        "verify_words": [],
    }


def test_every_combination_is_an_entry_in_the_order_of_the_file(tmp_path: Path) -> None:
    build = BUILD | {
        "upstreams": ["torch==2.13.0", "torch==2.14.1"],
        "pythons": ["3.11", "3.13t"],
        "recipes": ["gpu"],
        "devices": ["9.0", ["8.0", "a10"]],
    }
    found = entries(written(tmp_path, build))
    assert [(e.upstream, e.python, e.devices) for e in found] == [
        (upstream, python, devices)
        for upstream in ("torch==2.13.0", "torch==2.14.1")
        for python in ("3.11", "3.13t")
        for devices in (("9.0",), ("8.0", "a10"))
    ]
    assert len({entry.name for entry in found}) == len(found)
    assert found[1].words[6:10] == ["--device", "8.0", "--device", "a10"]


def test_every_option_becomes_words_of_build(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    build = BUILD | {
        "recipes": ["gpu"],
        "devices": ["9.0"],
        "ptx": True,
        "keep": ["headers"],
        "drop": ["test-programs"],
        "local": "mine",
        "build_number": 3,
        "dev": True,
        "index_url": "https://example.org/simple",
        "find_links": ["wheels", "https://example.org/more"],
        "max_wheel": 1000,
    }
    (entry,) = entries(written(tmp_path, build))
    assert entry.name.endswith("-gpu-9.0-ptx-mine-b3")
    # Each of these is a word of `slimwheel build`, with what it takes.
    known = build_command.make_context("build", list(entry.words))
    assert known.params["index_url"] == "https://example.org/simple"
    assert known.params["find_links"] == (str(tmp_path / "wheels"), "https://example.org/more")
    assert known.params["device"] == ("9.0",)
    assert known.params["ptx"] is True
    assert (known.params["keep"], known.params["drop"]) == (("headers",), ("test-programs",))
    assert (known.params["local"], known.params["build_number"]) == ("mine", 3)
    assert (known.params["dev"], known.params["max_wheel"]) == (True, 1000)
    assert known.params["sources"] == ("torch==2.13.0+cpu",)


def test_findings_that_pass_are_words_of_verify_and_publish(tmp_path: Path) -> None:
    (entry,) = entries(written(tmp_path, BUILD | {"ignore": ["SW210", "SW3"]}))
    assert entry.to_json()["verify_words"] == ["--ignore", "SW210", "--ignore", "SW3"]


def test_builds_have_the_defaults_and_may_say_otherwise(tmp_path: Path) -> None:
    defaults = {"platforms": [LINUX], "pythons": ["3.12"], "recipes": ["cpu"], "max_wheel": "1 MB"}
    builds = [{"upstreams": ["torch==2.14.1"]}, {"upstreams": ["torch==2.1"], "pythons": ["3.11"]}]
    found = entries(written(tmp_path, *builds, defaults=defaults))
    assert [(entry.python, entry.build.max_wheel) for entry in found] == [
        ("3.12", 1_000_000),
        ("3.11", 1_000_000),
    ]


def test_exclusions_take_out_what_has_all_that_they_say(tmp_path: Path) -> None:
    build = BUILD | {
        "upstreams": ["torch==2.1.0", "torch==2.14.1"],
        "pythons": ["3.11", "3.13"],
        "exclude": [{"upstream": "torch==2.1.0", "python": "3.13"}],
    }
    found = [(e.upstream, e.python) for e in entries(written(tmp_path, build))]
    assert ("torch==2.1.0", "3.13") not in found
    assert len(found) == 3


def test_a_recipe_by_path_lies_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ci"
    folder.mkdir()
    (folder / "own.toml").write_text('extends = "cpu"\nname = "own"\n')
    written(folder, BUILD | {"recipes": ["own.toml"], "exclude": [{"recipe": "own.toml"}]})
    monkeypatch.chdir(tmp_path)
    path = Path("ci/matrix.toml")
    assert entries(path) == ()
    written(folder, BUILD | {"recipes": ["own.toml"]})
    (entry,) = entries(path)
    assert entry.words[:2] == ["--recipe", "ci/own.toml"]
    assert entry.name.endswith("-own")


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ({"pyhtons": ["3.11"]}, "build[0].pyhtons", "is not a key that such files have"),
        ({"pythons": ["three"]}, "build[0].pythons[0]", "not a Python version"),
        ({"platforms": ["Linux!"]}, "build[0].platforms[0]", "not a platform tag"),
        ({"platforms": []}, "build[0].platforms", "at least 1"),
        ({"upstreams": ["dist/torch.whl"]}, "build[0].upstreams[0]", "not a requirement"),
        ({"upstreams": ["torch[x]==1"]}, "build[0].upstreams[0]", "extras"),
        ({"upstreams": ["https://e.org/t.whl"]}, "build[0].upstreams[0]", "not a requirement"),
        ({"upstreams": ["numpy==2"]}, "build[0].recipes", "is for torch, not for numpy"),
        ({"recipes": ["cqu"]}, "build[0].recipes", "no recipe is named 'cqu'"),
        ({"recipes": ["no.toml"]}, "build[0].recipes", "cannot be read"),
        ({"devices": ["9.0"]}, "build[0].devices", "takes no device code out"),
        ({"recipes": ["gpu"]}, "build[0].devices", "for which GPUs"),
        ({"recipes": ["gpu"], "devices": ["x9"]}, "build[0].devices", "no GPU is known as 'x9'"),
        ({"recipes": ["gpu"], "devices": ["native"]}, "build[0].devices[0][0]", "name the GPUs"),
        ({"keep": ["headers"]}, "build[0]", "local has to name it"),
        ({"keep": ["hats"], "local": "x"}, "build[0].keep", "has no rule hats"),
        ({"drop": ["hats"], "local": "x"}, "build[0].drop", "has no rule hats"),
        ({"max_wheel": "much"}, "build[0].max_wheel", "is not a size"),
        ({"ignore": ["SW999"]}, "build[0].ignore[0]", "SW999"),
        ({"exclude": [{}]}, "build[0].exclude[0]", "must name what is excluded"),
        ({"exclude": [{"python": "3.9"}]}, "build[0].exclude[0]", "excludes nothing"),
        ({"label": "mine", "local": "A B"}, "build[mine].local", "pattern"),
    ],
)
def test_a_fault_is_one_error_that_names_file_and_place(
    tmp_path: Path, change: dict[str, Any], place: str, words: str
) -> None:
    path = written(tmp_path, BUILD | change)
    with pytest.raises(MatrixError) as caught:
        entries(path)
    error = caught.value
    assert (error.file, error.place, error.exit_code) == (str(path), place, 2)
    assert words in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [("build = [", "is not TOML"), ("schema = 1\n", "Field required"), (None, "cannot be read")],
)
def test_a_file_that_is_none(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "matrix.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(MatrixError, match=words):
        load_matrix(path)


def test_a_fault_in_the_defaults_is_named_there(tmp_path: Path) -> None:
    path = written(tmp_path, BUILD, defaults={"pythons": ["x"]})
    with pytest.raises(MatrixError) as caught:
        load_matrix(path)
    assert caught.value.place == "defaults.pythons[0]"
    path = written(tmp_path, BUILD, defaults={"upstreams": ["torch==1"]})
    with pytest.raises(MatrixError) as caught:
        load_matrix(path)
    assert caught.value.place == "defaults.upstreams"


def test_the_same_entry_twice_needs_a_label(tmp_path: Path) -> None:
    path = written(tmp_path, BUILD, BUILD)
    with pytest.raises(MatrixError, match="is there twice"):
        entries(path)
    labelled = written(tmp_path, BUILD, BUILD | {"label": "again"})
    assert entries(labelled)[1].name.endswith("-cpu-again")


def test_a_makefile_hands_on_every_word_as_it_is(tmp_path: Path) -> None:
    build = BUILD | {"upstreams": ["torch >=2, <3"], "index_url": "https://e.org/$HOME/a'b c/"}
    found = entries(written(tmp_path, build, BUILD))
    makefile = tmp_path / "matrix.mk"
    makefile.write_text(as_makefile(found))
    program = tmp_path / "words.py"
    program.write_text("import json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    done = subprocess.run(
        [
            *("make", "--silent", "-j2", "--output-sync", "-f", makefile, "all"),
            *(f"SLIMWHEEL={sys.executable} {program}", "BUILD_OPTIONS=--force"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    got = sorted(json.loads(line) for line in done.stdout.splitlines())
    assert got == sorted(["build", "--force", *entry.words] for entry in found)


def test_names_of_entries_are_names_of_files_and_of_make_targets(tmp_path: Path) -> None:
    build = BUILD | {"upstreams": ["torch >=2, !=2.1.*", "torch @ https://e.org/a%20b.whl"]}
    for entry in entries(written(tmp_path, build)):
        assert set(entry.name) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-"
        )


def test_nothing_to_build_is_a_matrix_too() -> None:
    assert as_actions(()) == {"include": []}
    assert "all:\n" in as_makefile(())


def test_the_projects_own_matrix_is_valid() -> None:
    path = PROJECT / "matrix.toml"
    found = entries(path)
    assert {entry.loaded.recipe.name for entry in found} >= {"cpu", "gpu", "torchvision-cpu"}
    assert all(entry.build.max_installed for entry in found)
