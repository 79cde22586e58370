"""What a slim wheel says of how it was made, read back."""

import hashlib
import json
import re
import zipfile
from pathlib import Path

import pytest

from slimwheel.build import BuildOptions, build_wheel, pipeline
from slimwheel.build.origin import origin_of
from slimwheel.errors import WheelError
from slimwheel.recipe import load_recipe, parse_recipe, recipe_names
from slimwheel.verify.compare import BATTERY
from tests.golden.cases import look_alike

MANIFEST = "torch/_slimwheel/manifest.json"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return look_alike(tmp_path_factory.mktemp("upstream"))


@pytest.fixture(scope="module")
def slim(upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = BuildOptions(tmp_path_factory.mktemp("dist"))
    return build_wheel(upstream, load_recipe("cpu"), options).outputs[0].path


def test_a_slim_wheel_says_of_which_wheel_and_recipe_it_is(slim: Path, upstream: Path) -> None:
    origin = origin_of(slim)
    assert origin is not None
    assert origin.manifest["upstream"]["filename"] == upstream.name
    assert origin.recipe.recipe == load_recipe("cpu").recipe


def test_a_hash_that_is_known_is_not_taken_again(
    slim: Path, upstream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = hashlib.sha256(upstream.read_bytes()).hexdigest()
    hashed: list[Path] = []

    def taken(path: Path) -> str:
        hashed.append(path)
        return sha256

    monkeypatch.setattr(pipeline, "file_sha256", taken)
    loaded, options = load_recipe("cpu"), BuildOptions(tmp_path)
    known = build_wheel(upstream, loaded, options, sha256=sha256)
    assert hashed == []
    build_wheel(upstream, loaded, options)
    assert hashed == [upstream]
    assert known.upstream_sha256 == sha256
    assert known.slim.path.read_bytes() == slim.read_bytes()


def test_another_wheel_says_nothing(upstream: Path) -> None:
    assert origin_of(upstream) is None


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda manifest: manifest.pop("recipe"), "recipe"),
        (lambda manifest: manifest["upstream"].update(sha256=3), "upstream.sha256"),
        (lambda manifest: manifest.update(schema="two"), "schema"),
    ],
)
def test_a_malformed_manifest_is_one_error_that_names_the_place(
    slim: Path, tmp_path: Path, change: object, place: str
) -> None:
    assert callable(change)
    broken = tmp_path / slim.name
    with zipfile.ZipFile(slim) as source, zipfile.ZipFile(broken, "w") as target:
        for info in source.infolist():
            data = source.read(info)
            if info.filename == MANIFEST:
                manifest = json.loads(data)
                change(manifest)
                data = json.dumps(manifest).encode()
            target.writestr(info, data)
    with pytest.raises(WheelError, match=f"{MANIFEST}: is no manifest: {place}"):
        origin_of(broken)


def test_what_differs_on_purpose_depends_on_upstreams_version() -> None:
    expect = load_recipe("cpu").recipe.expect
    new, old = expect.differing("2.14.1"), expect.differing("1.0.0")
    assert "error.cuda" in new
    assert set(new) < set(old)


def test_what_is_bound_to_a_rule_goes_with_it() -> None:
    assert "error.cuda" not in load_recipe("gpu").recipe.expect.differing("2.14.1")


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_name_records_that_the_battery_has(name: str) -> None:
    sources = "".join(path.read_text() for path in BATTERY.parent.rglob("records/*.py"))
    templates = re.findall(r'^@record\(\s*"([\w.{}]+)"', sources, flags=re.MULTILINE)
    records = re.compile("|".join(re.escape(t).replace(r"\{\}", r"\w+") for t in templates))
    assert len(templates) > 50
    for differs in load_recipe(name).recipe.expect.differs:
        assert records.fullmatch(differs.record)


def test_a_recipe_out_of_a_manifest_is_named_in_its_errors(slim: Path) -> None:
    origin = origin_of(slim)
    assert origin is not None
    text = origin.manifest["recipe"]["text"].replace("schema = 1", "schema = 9", 1)
    with pytest.raises(Exception, match="the wheel's recipe: schema"):
        parse_recipe(text, "the wheel's recipe")
