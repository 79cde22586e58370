"""Whoever reaches for a removed part is told what was lost and the way back, in the recipe's words.

Which parts, the plan says, file by file, and what is told of them the recipe: so a rule that is
added is held to it too. torch.cuda is not reached for here: it says what it says in an official
CPU build, and test_cpu_from_cuda.py compares that.
"""

import json
import re
import subprocess
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from slimwheel.elf import ElfFile
from slimwheel.recipe import Recipe, load_recipe
from slimwheel.verify.environments import Environment
from tests.support.real import Built, script_says

pytestmark = [pytest.mark.wheels]

# Files that no function of torch could be asked for, and why.
UNREACHED = {
    "static archive": "linkers read it",
    "CMake file": "CMake reads it and says itself what it does not find",
    "program": "nothing in torch starts it",
    "data": "what reads it is gone as well",
}
MODULE = re.compile(r"(?P<path>[^.]+)\.(py|(cpython-[^./]+|abi3)\.so)")
HEADERS = (".h", ".hpp", ".cuh", ".inl")
FUNCTION, GLOBAL, WEAK = 2, 1, 2
# Of a GPU that no build here is for.
OLD_DEVICE = [3, 5]

# A function of a shadow with nothing in its argument registers.
HELPER = """
#include <cstddef>
#include <cstdio>
#include <exception>
extern "C" int reach(void *function, char *text, std::size_t size) {
    using Function = long (*)(long, long, long, long, long, long);
    try {
        reinterpret_cast<Function>(function)(0, 0, 0, 0, 0, 0);
    } catch (const std::exception &error) {
        std::snprintf(text, size, "%s", error.what());
        return 1;
    }
    return 0;
}
"""


@dataclass(frozen=True)
class Subject:
    """A slim torch: where it is installed, what the plan says of it, and its recipe."""

    environment: Environment
    upstream: Path
    slim: Path
    plan: Mapping[str, Any]
    recipe: Recipe
    manifest: Mapping[str, Any]

    def removed(self, rule: str) -> list[str]:
        """The members that a rule removed."""
        return [
            decision["member"]
            for decision in self.plan["decisions"]
            if decision["action"] == "drop" and rule in decision["rules"]
        ]

    def words(self, rule: str) -> list[str]:
        """What somebody has to be told who reaches for what a rule removed."""
        removed = next(one for one in self.manifest["removed"] if one["rule"] == rule)
        if removed["dev"]:
            way_back = f"pip install {self.manifest['dev']['requirement']}"
        else:
            name, upstream = self.manifest["distribution"], self.manifest["upstream"]
            project = f"{upstream['name']}=={upstream['version']}"
            way_back = f"pip uninstall -y {name} {upstream['name']} && pip install {project}"
        return [self.recipe.rules[rule].loses, way_back]


SUBJECTS = {
    "2.13.0": ("cpu", "slim_environment", "torch_cpu_upstream", "built", "planned", "torch-cpu"),
    "2.14.1": (
        "cpu",
        "from_cuda_environment",
        "torch_cuda_upstream",
        "built_from_cuda",
        "planned_from_cuda",
        "torch-cuda",
    ),
    "1.0.0": (
        "cpu",
        "environment_100",
        "torch_100_upstream",
        "built_100",
        "planned_100",
        "torch-1.0",
    ),
    "1.0.0-gpu": (
        "gpu",
        "gpu_environment_100",
        "torch_100_upstream",
        "built_gpu_100",
        "planned_gpu_100",
        "torch-gpu",
    ),
}


@pytest.fixture(
    params=[
        pytest.param(
            names[:-1],
            id=name,
            marks=[
                pytest.mark.xdist_group(names[-1]),
                # Its environment is made for slow tests alone.
                *([pytest.mark.slow] if names[0] == "gpu" else []),
            ],
        )
        for name, names in SUBJECTS.items()
    ]
)
def subject(request: pytest.FixtureRequest) -> Subject:
    recipe, *fixtures = request.param
    environment, upstream, built, plan = map(request.getfixturevalue, fixtures)
    assert isinstance(built, Built)
    with zipfile.ZipFile(built.slim) as wheel:
        manifest = json.loads(wheel.read("torch/_slimwheel/manifest.json"))
    loaded = load_recipe(recipe).recipe
    return Subject(environment, upstream, built.slim, plan, loaded, manifest)


def kind_of(member: str, start: bytes) -> str:
    """What a file is, as far as it decides who may ask for it."""
    if MODULE.fullmatch(member):
        return "module"
    if start.startswith(b"\x7fELF"):
        return "library" if ".so" in Path(member).name else "program"
    if start == b"!<arch>\n":
        return "static archive"
    if member.endswith(HEADERS):
        return "header"
    return "CMake file" if ".cmake" in member else "data"


def removed_by_kind(subject: Subject, rule: str) -> dict[str, list[str]]:
    found = defaultdict(list)
    with zipfile.ZipFile(subject.upstream) as wheel:
        for member in subject.removed(rule):
            with wheel.open(member) as stream:
                found[kind_of(member, stream.read(8))].append(member)
    return found


def throwing(shadow: bytes, name: str, recipe: Recipe) -> Iterator[str]:
    """The functions of a shadow library that throw, by the recipe: others return a number."""
    assert recipe.cuda is not None
    assert recipe.shadow is not None
    answered = [glob for answer in recipe.shadow.answer for glob in answer.symbols]
    returning = [glob for family in recipe.cuda.family for glob in family.symbols]
    if any(fnmatchcase(name, glob) for family in recipe.cuda.family for glob in family.sonames):
        returning.append("*")
    for symbol in ElfFile.parse(shadow, name).symbols():
        if not symbol.defined or symbol.type != FUNCTION or symbol.binding not in (GLOBAL, WEAK):
            continue
        if any(fnmatchcase(symbol.name, glob) for glob in answered):
            continue
        if symbol.name.startswith("_Z") or not any(fnmatchcase(symbol.name, g) for g in returning):
            yield symbol.name


def helper(directory: Path) -> Path:
    path = directory / "helper.so"
    command = ["g++", "-shared", "-fPIC", "-x", "c++", "-", "-o", str(path)]
    subprocess.run(command, input=HELPER, text=True, check=True)
    return path


@dataclass
class Question:
    """What to reach for, as reach.py takes it, and by which rule it is gone."""

    rules: dict[str, str] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    functions: dict[str, list[str]] = field(default_factory=dict)
    device: list[int] | None = None

    def noted(self, rule: str, things: Iterable[str]) -> list[str]:
        """Note the rule of things, and return them."""
        things = list(things)
        self.rules.update(dict.fromkeys(things, rule))
        return things


def question_of(subject: Subject) -> Question:
    """Every removed thing that a program can reach for."""
    place = subject.environment.site_packages
    question = Question()
    for removed in subject.manifest["removed"]:
        rule = removed["rule"]
        kinds = removed_by_kind(subject, rule)
        paths = filter(None, map(MODULE.fullmatch, kinds.pop("module", [])))
        names = (path["path"].removesuffix("/__init__").replace("/", ".") for path in paths)
        question.modules += question.noted(rule, names)
        libraries = (str(place / member) for member in kinds.pop("library", []))
        question.libraries += question.noted(rule, libraries)
        guards = [guard for guard in subject.manifest["guards"] if guard["rule"] == rule]
        calls = [guard["target"] for guard in guards if guard["kind"] == "call"]
        question.calls += question.noted(rule, calls)
        # Functions that are guarded are asked for headers, not for one of them.
        reached = {"header"} if calls else set()
        assert kinds.keys() - reached <= UNREACHED.keys(), (rule, kinds)
    with zipfile.ZipFile(subject.slim) as wheel:
        for shadow in (subject.plan["cuda"] or {}).get("shadows", []):
            member = shadow["member"]
            functions = [*throwing(wheel.read(member), Path(member).name, subject.recipe)]
            if functions:
                question.functions[str(place / member)] = question.noted("cuda", functions)
    if code := subject.manifest["device_code"]:
        question.device = OLD_DEVICE
        question.noted(code["rule"], ["device"])
    return question


def test_every_removed_part_says_what_is_lost_and_the_way_back(
    subject: Subject, tmp_path: Path
) -> None:
    question = question_of(subject)
    file = tmp_path / "question.json"
    file.write_text(json.dumps({**asdict(question), "helper": str(helper(tmp_path))}))
    # torch and what it imports may print, too.
    said = json.loads(script_says(subject.environment, "reach.py", file).splitlines()[-1])
    assert said.keys() == question.rules.keys() != set()
    wrong = {
        thing: text
        for thing, text in said.items()
        if text is None or not all(word in text for word in subject.words(question.rules[thing]))
    }
    assert wrong == {}
    assert bool(question.functions) == bool(subject.plan["cuda"])
