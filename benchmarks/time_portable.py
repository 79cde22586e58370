"""Save or load a network in one way, and say what that took.

Run as a process of its own: `python time_portable.py WAY save|load FILE time|memory`. Prints an
object with `seconds`, or with `bytes`, the anonymous memory that was taken at its peak beyond what
the process had before. Memory is looked at by a thread, which would take time: never both.
"""

import importlib
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import torch


def portable_save(network: Any, path: str, check: bool = True) -> None:
    from torch_ergonomics import save_portable

    save_portable(network, "resnet50", path, check=check)


def unchecked_save(network: Any, path: str) -> None:
    portable_save(network, path, check=False)


def portable_load(path: str) -> Any:
    from torch_ergonomics import load_portable

    return load_portable(path)


def torch_save(network: Any, path: str) -> None:
    torch.save(network, path)


def torch_load(path: str) -> Any:
    return torch.load(path, weights_only=False)


def state_save(network: Any, path: str) -> None:
    torch.save(network.state_dict(), path)


def state_load(path: str) -> Any:
    from resnet50 import ResNet

    network = ResNet()
    network.load_state_dict(torch.load(path))
    return network


def package_save(network: Any, path: str) -> None:
    from torch.package import PackageExporter

    with PackageExporter(path) as package:
        package.intern("resnet50")
        package.extern("torch.**")
        package.save_pickle("network", "network.pkl", network)


def package_load(path: str) -> Any:
    from torch.package import PackageImporter

    return PackageImporter(path).load_pickle("network", "network.pkl")


def safetensors_save(network: Any, path: str) -> None:
    from safetensors.torch import save_file

    save_file(network.state_dict(), path)


def safetensors_load(path: str) -> Any:
    from resnet50 import ResNet
    from safetensors.torch import load_file

    network = ResNet()
    network.load_state_dict(load_file(path))
    return network


# What a program that goes this way has imported before.
LIBRARIES = {
    "save_portable": "torch_ergonomics",
    "save_portable, unchecked": "torch_ergonomics",
    "torch.package": "torch.package",
    "safetensors": "safetensors.torch",
}
WAYS = {
    "save_portable": (portable_save, portable_load),
    "save_portable, unchecked": (unchecked_save, portable_load),
    "torch.save, network": (torch_save, torch_load),
    "torch.save, state_dict": (state_save, state_load),
    "torch.package": (package_save, package_load),
    "safetensors": (safetensors_save, safetensors_load),
}  # type: dict[str, tuple[Callable[[Any, str], None], Callable[[str], Any]]]


def anonymous_memory() -> int:
    """Anonymous memory of this process, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024


def peak_memory(run: "Callable[[], Any]") -> int:
    """What a function takes at its peak."""
    done = threading.Event()
    before = anonymous_memory()
    peak = before

    def look() -> None:
        nonlocal peak
        while not done.wait(0.0005):
            peak = max(peak, anonymous_memory())

    thread = threading.Thread(target=look)
    thread.start()
    kept = run()
    peak = max(peak, anonymous_memory())
    done.set()
    thread.join()
    del kept
    return peak - before


def main(way: str, action: str, path: str, measured: str) -> None:
    save, load = WAYS[way]
    importlib.import_module(LIBRARIES.get(way, "torch"))
    if action == "save":
        from resnet50 import ResNet

        network = ResNet()
    else:
        # The first tensor starts what torch starts with its first tensor.
        torch.empty(1).fill_(1.0)

    def run() -> Any:
        return save(network, path) if action == "save" else load(path)

    if measured == "memory":
        result = {"bytes": float(peak_memory(run))}
    else:
        started = perf_counter()
        kept = run()
        result = {"seconds": perf_counter() - started}
        del kept
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
