"""Slim wheels made again from what they say of themselves."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slimwheel.build import BuildOptions, Compression, additions, build_wheel
from slimwheel.build.origin import Origin
from slimwheel.build.rebuilding import Rebuilt, ToolDifference, check, rebuild, slim_origin
from slimwheel.build.tools import tool_versions
from slimwheel.errors import OutputExists, RecipeError, SlimwheelError, UsageError, WheelError
from slimwheel.plan import Switches, Targets
from slimwheel.recipe import load_recipe, load_recipe_file
from slimwheel.wheelfile.archive import Archive
from slimwheel.wheelfile.comparison import Kind
from slimwheel.wheelfile.writer import FIRST_TIMESTAMP
from tests.golden.cases import look_alike, search_paths
from tests.support.altered import altered
from tests.support.fatbins import PTX, HandMade, container, image
from tests.support.upstream import make_torch_wheel

MANIFEST = "torch/_slimwheel/manifest.json"
DIST_INFO = "torch_cpu-2.13.0+cpu.dist-info"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return look_alike(tmp_path_factory.mktemp("upstream"))


@pytest.fixture(scope="module")
def slim(upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(upstream, BuildOptions(tmp_path_factory.mktemp("dist")))


@pytest.fixture(scope="module")
def cuda_upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A look-alike with code for three GPUs, and PTX."""
    images = [
        container(image(number, payload=b"kernel " * 3000) for number in (70, 80, 90)),
        container([image(80, kind=PTX), image(70), image(80), image(90)]),
    ]
    library = HandMade({".nv_fatbin": images}).build()
    members: dict[str, bytes | str] = {
        "torch/lib/libtorch_cuda.so": library,
        "torch/cuda/__init__.py": "def _check_capability():\n    pass\n",
    }
    return make_torch_wheel(tmp_path_factory.mktemp("cuda"), "2.14.1", members=members)


def build(upstream: Path, options: BuildOptions, recipe: str = "cpu") -> Path:
    return build_wheel(upstream, load_recipe(recipe), options).slim.path


def checked(slim: Path, upstream: Path) -> Rebuilt:
    return check(slim_origin(slim), upstream)


def manifest_of(slim: Path) -> dict[str, Any]:
    with Archive.open(slim) as archive:
        found: dict[str, Any] = json.loads(archive.read(archive.members[MANIFEST]))
    return found


def with_manifest(slim: Path, directory: Path, change: Change) -> Path:
    """Write a slim wheel that says something else of itself."""
    manifest = manifest_of(slim)
    change(manifest)
    return altered(slim, directory, contents={MANIFEST: json.dumps(manifest).encode()})


def kinds(rebuilt: Rebuilt) -> dict[str, Kind]:
    assert rebuilt.difference is not None
    return {member.name: member.kind for member in rebuilt.difference.members}


def test_a_wheel_and_its_companion_are_made_again(
    slim: Path, upstream: Path, tmp_path: Path
) -> None:
    rebuilt = rebuild(slim_origin(slim), upstream, tmp_path)
    assert rebuilt.same
    assert not rebuilt.environment
    assert not rebuilt.own_recipe
    assert [output.path.parent for output in rebuilt.report.outputs] == [tmp_path, tmp_path]
    for output in rebuilt.report.outputs:
        assert output.path.read_bytes() == (slim.parent / output.filename).read_bytes()


def test_a_check_leaves_nothing(slim: Path, upstream: Path, tmp_path: Path) -> None:
    rebuilt = check(slim_origin(slim), upstream, work_dir=tmp_path)
    assert rebuilt.same
    assert rebuilt.difference is None
    assert not list(tmp_path.iterdir())
    assert not rebuilt.report.slim.path.exists()


@pytest.mark.parametrize(
    ("changes", "filename"),
    [
        ({}, "torch_cpu-2.13.0+cpu-"),
        ({"dev": True}, "torch_cpu-2.13.0+cpu-"),
        ({"local": "ours.1"}, "torch_cpu-2.13.0+cpu.ours.1-"),
        ({"build_number": 7}, "torch_cpu-2.13.0+cpu-7-"),
        ({"timestamp": 1_700_000_001}, "torch_cpu-2.13.0+cpu-"),
        ({"compression": Compression.BEST}, "torch_cpu-2.13.0+cpu-"),
        (
            {"switches": Switches(keep=("symbols", "headers")), "local": "whole"},
            "torch_cpu-2.13.0+cpu.whole-",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)
def test_every_option_is_taken_up(
    changes: dict[str, Any], filename: str, upstream: Path, tmp_path: Path
) -> None:
    made = build(upstream, BuildOptions(tmp_path / "dist", **changes))
    assert made.name.startswith(filename)
    rebuilt = rebuild(slim_origin(made), upstream, tmp_path / "again")
    assert rebuilt.same
    assert rebuilt.report.slim.filename == made.name


def test_a_rule_that_was_switched_on(upstream: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "off.toml"
    recipe.write_text(
        'extends = "cpu"\nschema = 1\nname = "off"\nsummary = "leaves headers where they are"\n'
        '[[remove]]\nid = "headers"\nenabled = false\n'
    )
    options = BuildOptions(tmp_path / "dist", Switches(drop=("headers",)), local="on")
    made = build_wheel(upstream, load_recipe_file(recipe), options).slim.path
    recipe.unlink()
    rebuilt = checked(made, upstream)
    assert rebuilt.same
    assert rebuilt.own_recipe


@pytest.mark.parametrize(
    "targets",
    [
        Targets(("a100",)),
        Targets(("8.0", "9.0")),
        Targets(("majors",)),
        Targets(("8.0",), ptx=True),
        Targets(("8.0",), ptx=False),
    ],
    ids=str,
)
def test_devices_and_ptx_are_taken_up(
    targets: Targets, cuda_upstream: Path, tmp_path: Path
) -> None:
    made = build(cuda_upstream, BuildOptions(tmp_path, targets=targets), "gpu")
    assert checked(made, cuda_upstream).same


def test_a_preset_is_recorded_as_what_it_stands_for(cuda_upstream: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "ours.toml"
    recipe.write_text(
        'extends = "gpu"\nschema = 1\nname = "ours"\nsummary = "for our own machines"\n'
        '[device-code]\ndevices = ["fleet"]\n[device-code.presets]\nfleet = ["a100", "h100"]\n'
    )
    options = BuildOptions(tmp_path / "dist")
    made = build_wheel(cuda_upstream, load_recipe_file(recipe), options).slim.path
    assert manifest_of(made)["options"]["devices"] == ["8.0", "9.0"]
    assert checked(made, cuda_upstream).same


def test_the_machines_own_gpus_are_never_asked_for(
    cuda_upstream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recipe's `native` would run a program of the machine that checks."""

    def forbidden() -> None:
        pytest.fail("asked for the machine's GPUs")

    monkeypatch.setattr("slimwheel.plan.device_rules.native_capabilities", forbidden)
    made = build(cuda_upstream, BuildOptions(tmp_path, targets=Targets(("8.0",))), "gpu")

    def natively(manifest: dict[str, Any]) -> None:
        text = manifest["recipe"]["text"]
        assert "[device-code]\n" in text
        manifest["recipe"]["text"] = text.replace(
            "[device-code]\n", '[device-code]\ndevices = ["native"]\n'
        )
        del manifest["options"]["devices"]

    with pytest.raises(UsageError, match="for which GPUs"):
        checked(with_manifest(made, tmp_path / "other", natively), cuda_upstream)
    words = with_manifest(
        made, tmp_path / "words", lambda m: m["options"].update(devices=["native"])
    )
    with pytest.raises(WheelError, match=r"options\.devices"):
        checked(words, cuda_upstream)


def test_what_patchelf_had_a_hand_in(tmp_path: Path) -> None:
    upstream = search_paths(tmp_path)
    made = build(upstream, BuildOptions(tmp_path / "dist"))
    assert "patchelf" in manifest_of(made)["tools"]
    rebuilt = checked(made, upstream)
    assert rebuilt.same
    assert "patchelf" in rebuilt.tools


def test_the_date_is_the_wheels_own(
    upstream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000001")
    made = build(upstream, BuildOptions(tmp_path))
    assert manifest_of(made)["options"]["source_date_epoch"] == 1_700_000_001
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    assert checked(made, upstream).same
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert checked(made, upstream).same


def test_wheels_that_do_not_say_their_date_have_the_first_one(slim: Path, upstream: Path) -> None:
    options = dict(slim_origin(slim).manifest["options"])
    assert options.pop("source_date_epoch") == FIRST_TIMESTAMP
    origin = slim_origin(slim)
    origin.manifest["options"] = options
    assert check(origin, upstream).same


def test_upstreams_file_may_have_another_name(slim: Path, upstream: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "download.bin"
    renamed.symlink_to(upstream)
    rebuilt = rebuild(slim_origin(slim), renamed, tmp_path / "dist")
    assert rebuilt.same
    assert rebuilt.report.slim.filename == slim.name


def test_a_wheel_that_was_built_from_a_file_without_its_tags(
    upstream: Path, tmp_path: Path
) -> None:
    renamed = tmp_path / "torch-2.13.0.whl"
    renamed.symlink_to(upstream)
    made = build(renamed, BuildOptions(tmp_path / "dist"))
    assert checked(made, upstream).same
    assert checked(made, renamed).same


def test_a_slim_wheel_may_have_another_name(slim: Path, upstream: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "slim (1).whl"
    renamed.symlink_to(slim)
    assert checked(renamed, upstream).same


def test_a_member_that_was_tampered_with_is_named(
    slim: Path, upstream: Path, tmp_path: Path
) -> None:
    other = altered(
        slim,
        tmp_path,
        contents={
            "torch/version.py": b"__version__ = 'ours'\n",
            "torch/backdoor.py": b"import os\n",
            "torch/py.typed": None,
        },
    )
    rebuilt = checked(other, upstream)
    assert not rebuilt.same
    assert not rebuilt.environment
    assert kinds(rebuilt) == {
        "torch/version.py": Kind.CONTENT,
        "torch/backdoor.py": Kind.ADDED,
        "torch/py.typed": Kind.MISSING,
        f"{DIST_INFO}/RECORD": Kind.CONTENT,
    }


def test_another_compression_is_told_apart(slim: Path, upstream: Path, tmp_path: Path) -> None:
    library = "torch/lib/libtorch_cpu.so"
    rebuilt = checked(altered(slim, tmp_path, levels={library: 1}), upstream)
    assert kinds(rebuilt) == {library: Kind.COMPRESSION}


def test_other_metadata_is_told_apart(slim: Path, upstream: Path, tmp_path: Path) -> None:
    rebuilt = checked(altered(slim, tmp_path, modes={"torch/version.py": True}), upstream)
    assert kinds(rebuilt) == {"torch/version.py": Kind.METADATA}
    later = checked(altered(slim, tmp_path / "later", timestamp=1_700_000_000), upstream)
    assert set(kinds(later).values()) == {Kind.METADATA}


def test_other_tools_are_told(
    upstream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tool_versions

    def older(*, patchelf: bool) -> dict[str, str]:
        return real(patchelf=patchelf) | {"deflate": "0.1", "slimwheel": "0.0.1"}

    with monkeypatch.context() as patched:
        patched.setattr(additions, "tool_versions", older)
        made = build(upstream, BuildOptions(tmp_path))
    rebuilt = checked(made, upstream)
    here = real(patchelf=False)
    assert rebuilt.environment == (
        ToolDifference("deflate", "0.1", here["deflate"]),
        ToolDifference("slimwheel", "0.0.1", here["slimwheel"]),
    )
    assert str(rebuilt.environment[0]) == f"deflate 0.1 there, {here['deflate']} here"
    # What names the tools differs, and nothing else.
    assert set(kinds(rebuilt)) == {
        MANIFEST,
        f"{DIST_INFO}/RECORD",
        f"{DIST_INFO}/sboms/slimwheel.cdx.json",
    }


def test_tools_that_the_wheel_does_not_name_are_told(
    slim: Path, upstream: Path, tmp_path: Path
) -> None:
    other = with_manifest(slim, tmp_path, lambda m: m["tools"].pop("cyclonedx-python-lib"))
    (tool,) = checked(other, upstream).environment
    assert (tool.name, tool.there) == ("cyclonedx-python-lib", None)


def test_another_upstream_is_refused_before_the_work(slim: Path, tmp_path: Path) -> None:
    other = make_torch_wheel(tmp_path)
    with pytest.raises(WheelError, match=r"sha256 is [0-9a-f]{64}, the manifest says") as caught:
        checked(slim, other)
    assert caught.value.file == str(other)
    assert other.name in str(caught.value.hint)


def test_a_wheel_that_is_not_slim_is_refused(upstream: Path, slim: Path) -> None:
    companion = slim.parent / "torch-2.13.0+slim.cpu-py3-none-any.whl"
    for other in (upstream, companion):
        with pytest.raises(WheelError, match="is not slim"):
            slim_origin(other)


def extended(manifest: dict[str, Any], name: str) -> None:
    manifest["recipe"]["text"] = f'extends = "{name}"\n{manifest["recipe"]["text"]}'


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda m: m.update(schema=2), WheelError, "a manifest of schema 2; this slimwheel reads"),
        (lambda m: m["options"].update(colour="red"), WheelError, "options.colour: is not an opt"),
        (lambda m: m["options"].pop("compression"), WheelError, "options.compression: Field req"),
        (lambda m: m["options"].update(switches=["--force"]), WheelError, "options.switches.0"),
        (lambda m: m["options"].update(source_date_epoch=0), WheelError, "source_date_epoch"),
        (lambda m: m["upstream"].update(filename="../x.whl"), WheelError, "upstream.filename"),
        (
            lambda m: m["upstream"].update(filename="../" + m["upstream"]["filename"]),
            WheelError,
            "upstream.filename",
        ),
        (lambda m: m["upstream"].update(name="numpy"), WheelError, "is of another wheel"),
        (lambda m: m["upstream"].update(sha256="../.."), WheelError, "upstream.sha256"),
        (lambda m: m["recipe"].update(name="\x1b[2Jcpu"), WheelError, "recipe.name"),
        (lambda m: m["tools"].update(deflate="1\x1b[2J"), WheelError, "tools"),
        (lambda m: m["tools"].update({"--a b": "1"}), WheelError, "tools"),
        (lambda m: m["recipe"].update(text="schema = 9\n"), RecipeError, "recipe cpu: schema"),
        (lambda m: m["recipe"].update(text="]"), RecipeError, "is not TOML"),
        (lambda m: extended(m, "cpu"), RecipeError, "extends"),
        (lambda m: extended(m, "/etc/passwd.toml"), RecipeError, "extends"),
    ],
)
def test_what_is_not_understood_is_one_error_with_the_way_out(
    change: Change, error: type[SlimwheelError], words: str, slim: Path, tmp_path: Path
) -> None:
    missing = tmp_path / "upstream.whl"  # None is looked at.
    other = with_manifest(slim, tmp_path, change)
    with pytest.raises(error) as caught:
        rebuild(slim_origin(other), missing, tmp_path / "dist")
    assert words in str(caught.value)
    assert caught.value.hint.startswith("Use the slimwheel that made the wheel")
    assert not (tmp_path / "dist").exists()


def test_a_package_in_the_recipe_cannot_leave_the_wheel(
    slim: Path, upstream: Path, tmp_path: Path
) -> None:
    def outside(manifest: dict[str, Any]) -> None:
        text = manifest["recipe"]["text"]
        manifest["recipe"]["text"] = text.replace('package = "torch"', 'package = "../torch"')

    with pytest.raises(RecipeError, match="package"):
        checked(with_manifest(slim, tmp_path, outside), upstream)


def test_a_recipe_that_is_not_slimwheels_own_is_told(
    slim: Path, upstream: Path, tmp_path: Path
) -> None:
    def harmless(manifest: dict[str, Any]) -> None:
        manifest["recipe"]["text"] += "\n# Nothing more.\n"

    rebuilt = checked(with_manifest(slim, tmp_path, harmless), upstream)
    assert rebuilt.own_recipe


def test_a_failure_names_the_slimwheel_that_made_the_wheel(
    slim: Path, upstream: Path, tmp_path: Path
) -> None:
    def renamed(manifest: dict[str, Any]) -> None:
        manifest["tools"]["slimwheel"] = "9.9"
        manifest["recipe"]["text"] = manifest["recipe"]["text"].replace(
            'upstream = "torch"', 'upstream = "numpy"', 1
        )

    with pytest.raises(SlimwheelError) as caught:
        checked(with_manifest(slim, tmp_path, renamed), upstream)
    assert "slimwheel 9.9 made it; this is" in caught.value.hint


def test_an_output_that_differs_stays(slim: Path, upstream: Path, tmp_path: Path) -> None:
    place = tmp_path / slim.name
    place.write_bytes(b"other")
    with pytest.raises(OutputExists) as caught:
        rebuild(slim_origin(slim), upstream, tmp_path)
    assert "--build-number" not in caught.value.hint
    assert place.read_bytes() == b"other"
    assert rebuild(slim_origin(slim), upstream, tmp_path, force=True).same
    assert place.read_bytes() == slim.read_bytes()


def test_no_option_of_a_build_is_forgotten() -> None:
    """Each is either in the manifest, or in the file's name, or changes no byte of the wheel."""
    recorded = {"switches", "targets", "local", "timestamp", "compression"}
    elsewhere = {"build_number", "output_dir", "dev", "force"}
    assert {field.name for field in dataclasses.fields(BuildOptions)} == recorded | elsewhere


def test_an_origin_says_what_to_fetch(slim: Path) -> None:
    origin: Origin = slim_origin(slim)
    assert origin.requirement == "torch==2.13.0+cpu"
    assert origin.upstream.platforms == ("manylinux_2_28_x86_64",)
