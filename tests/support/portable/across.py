"""Portable models from one torch to another.

`python across.py save FOLDER` saves two networks and what they give for an example;
`python across.py load FOLDER` loads them and prints, for each, what it gives now. Run without the
networks on the path of modules, when loading. Valid Python 3.6.
"""

import json
import os
import sys
from typing import Any, Dict

import torch
import torch_ergonomics

PICTURE = torch.arange(32).to(torch.float32).reshape(2, 1, 4, 4) % 5 - 2
WORD = torch.tensor([3, 6])


def numbers(tensor: Any) -> Any:
    """A tensor's numbers, without any loss: they are doubles in JSON."""
    return tensor.detach().double().tolist()


def general_input() -> Any:
    """Numbers without a pattern that are the same on every torch."""
    return (torch.arange(2 * 3 * 16 * 16) * 7919 % 1000).float().reshape(2, 3, 16, 16) / 500 - 1


def outputs(general: Any, exact: Any) -> Dict[str, Any]:
    with torch.no_grad():
        return {
            "general": numbers(general(general_input())),
            "exact": numbers(exact(PICTURE, WORD)),
        }


def save(folder: str) -> None:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from networks.classifier import Classifier
    from networks.exact import Exact

    torch.manual_seed(5)
    general, exact = Classifier(channels=6).eval(), Exact(6).eval()
    path = os.path.join(folder, "general.zip")
    config = {"channels": 6}
    torch_ergonomics.save_portable(
        general, "networks", path, config=config, example=general_input()
    )
    path = os.path.join(folder, "exact.zip")
    torch_ergonomics.save_portable(exact, "networks", path, example=(PICTURE, WORD))
    with open(os.path.join(folder, "outputs.json"), "w") as file:
        json.dump(outputs(general, exact), file)


def load(folder: str) -> None:
    assert "networks" not in sys.modules
    networks = [
        torch_ergonomics.load_portable(os.path.join(folder, name))
        for name in ("general.zip", "exact.zip")
    ]
    print(json.dumps(outputs(*networks)))


if __name__ == "__main__":
    {"save": save, "load": load}[sys.argv[1]](sys.argv[2])
