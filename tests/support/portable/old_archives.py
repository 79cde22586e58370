"""Archives as pytorch-ergonomics wrote them, with the torch at hand.

`python old_archives.py FOLDER` writes a project into the folder, archives of its networks, and
outputs.json with what the networks give. `python old_archives.py load FOLDER MODEL...` prints how
far portable models are from that. Valid Python 3.6.
"""

import json
import os
import pickle
import sys
import zipfile
from typing import Any, List

import torch

PROJECT = {
    "src/__init__.py": "",
    "src/digits/__init__.py": "raise_if_run = 1\n",
    "src/digits/defs/__init__.py": "SLOPE = 0.25\n",
    "src/digits/defs/layers.py": """\
import torch

from . import SLOPE


class Block(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = torch.nn.Conv2d(width, width, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(width)

    def forward(self, x):
        return torch.nn.functional.leaky_relu(self.norm(self.conv(x)), SLOPE) + x
""",
    # Takes arguments, and imports by the whole path.
    "src/digits/defs/net.py": """\
import torch
from src.digits.defs.layers import Block


class Net(torch.nn.Module):
    def __init__(self, width, depth=1):
        super().__init__()
        self.first = torch.nn.Conv2d(1, width, 3)
        self.blocks = torch.nn.Sequential(*[Block(width) for _ in range(depth)])
        self.last = torch.nn.Linear(width, 4)
        self.home = "src.digits.defs: where it is defined"

    def forward(self, x):
        return self.last(self.blocks(self.first(x)).mean(3).mean(2))
""",
    # Takes none, and imports by a relative path alone.
    "src/digits/plain/__init__.py": "",
    "src/digits/plain/widths.py": "WIDTH = 3\n",
    "src/digits/plain/net.py": """\
import torch

from .widths import WIDTH


class Plain(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(1, WIDTH, 3)

    def forward(self, x):
        return self.first(x).relu()
""",
}


def example() -> Any:
    """Numbers without a pattern that are the same on every torch."""
    return (torch.arange(2 * 64) * 7919 % 1000).float().reshape(2, 1, 8, 8) / 500 - 1


def numbers(network: Any) -> List[float]:
    """What a network gives for the example, without any loss: doubles in JSON."""
    with torch.no_grad():
        return list(network(example()).double().reshape(-1).tolist())


def write_project(folder: str) -> None:
    for name, text in PROJECT.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)


def write_flat(data: bytes, mod_path: str, replacement: str, output: str) -> None:
    """The path is replaced in the pickle, and the files of all directories lie side by side."""
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("model.t7", data.replace(mod_path.encode(), replacement.encode()))
        for root, _, files in os.walk(mod_path.replace(".", "/")):
            for file in files:
                archive.write(os.path.join(root, file), os.path.join(replacement, file))


def write_whole(network: Any, source_path: str, output: str) -> None:
    """The files keep their paths, and the pickle is torch's."""
    torch.save(network, "saved.t7")
    with zipfile.ZipFile(output, "w") as archive:
        archive.write("saved.t7", "model.t7")
        for root, _, files in os.walk(source_path):
            for file in files:
                archive.write(os.path.join(root, file))


def write_sourceless(network: Any, output: str) -> None:
    """Of the sources' directory only the name is written."""
    torch.save(network, "saved.t7")
    os.makedirs("torch_model/source/defs")
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write("saved.t7", "torch_model/model/model.t7")
        archive.write("torch_model/source/defs")


def save(folder: str) -> None:
    write_project(folder)
    os.chdir(folder)
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    from src.digits.defs.net import Net  # type: ignore[import-not-found]
    from src.digits.plain.net import Plain  # type: ignore[import-not-found]

    torch.manual_seed(3)
    net, plain = Net(5, depth=2), Plain()
    for _ in range(3):
        net(example())  # for the running statistics
    net.eval()
    plain.eval()
    torch.save(net, "saved.t7")
    with open("saved.t7", "rb") as file:
        saved = file.read()
    defs = "src.digits.defs"
    for protocol in (2, 3, 4):
        path = "portable-%d.zip" % protocol
        write_flat(pickle.dumps(net, protocol), defs, "portable-pytorch", path)
    write_flat(pickle.dumps(plain, 3), "src.digits.plain", "portable-pytorch", "plain.zip")
    write_flat(pickle.dumps(plain, 4), "src.digits.plain", "portable-pytorch", "plain-4.zip")
    write_flat(saved, defs, "ergo-pytorch", "ergo.zip")
    write_whole(net, "src", "whole.zip")
    write_sourceless(net, "sourceless.zip")
    # Two __init__.py with different contents.
    write_flat(pickle.dumps(net, 3), "src.digits", "portable-pytorch", "nested.zip")
    found = {"net": numbers(net), "plain": numbers(plain)}
    with open("outputs.json", "w") as file:
        json.dump(found, file)


def load(folder: str, models: List[str]) -> None:
    from torch_ergonomics import load_portable

    with open(os.path.join(folder, "outputs.json")) as file:
        outputs = json.load(file)
    unequal = {}
    for path in models:
        network = load_portable(path, allow_pickle=True)
        before = outputs[type(network).__name__.lower()]
        now = numbers(network)
        assert len(before) == len(now)
        unequal[os.path.basename(path)] = max(abs(a - now[i]) for i, a in enumerate(before))
        assert not network.training
    assert "src" not in sys.modules
    print(json.dumps(unequal))


if __name__ == "__main__":
    if sys.argv[1] == "load":
        load(sys.argv[2], sys.argv[3:])
    else:
        save(os.path.abspath(sys.argv[1]))
