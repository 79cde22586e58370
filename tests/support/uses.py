"""What people do with a torch on the CPU, beyond single operators: `python uses.py NAME`.

Each use holds its results against what they must be, and fails loudly. Runs on the Python of the
torch that is looked at: the standard library and torch 2.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import multiprocessing, nn

USES: dict[str, Callable[[], None]] = {}


def use(function: Callable[[], None]) -> Callable[[], None]:
    USES[function.__name__] = function
    return function


def model() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def _member(rank: int, directory: str) -> None:
    file = Path(directory, "store").as_uri()
    dist.init_process_group("gloo", init_method=file, rank=rank, world_size=2)
    total = torch.arange(4.0) + rank
    dist.all_reduce(total)
    assert total.tolist() == [1.0, 3.0, 5.0, 7.0]
    gathered = [torch.zeros(1) for _ in range(2)]
    dist.all_gather(gathered, torch.tensor([float(rank)]))
    assert [part.item() for part in gathered] == [0.0, 1.0]

    wrapped = nn.parallel.DistributedDataParallel(model())
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.1)
    inputs = torch.arange(8.0).reshape(2, 4)
    for _ in range(3):
        optimizer.zero_grad()
        wrapped(inputs[rank]).square().sum().backward()
        optimizer.step()

    # The mean of both processes' gradients is what one process gets of the mean of both losses.
    alone = model()
    optimizer = torch.optim.SGD(alone.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (alone(inputs).square().sum() / 2).backward()
        optimizer.step()
    for ours, theirs in zip(wrapped.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
    dist.destroy_process_group()


@use
def two_processes_with_gloo_and_ddp() -> None:
    with tempfile.TemporaryDirectory() as directory:
        multiprocessing.spawn(_member, (directory,), nprocs=2)


@use
def profiler() -> None:
    with torch.profiler.profile() as profiled, torch.profiler.record_function("a"):
        model()(torch.ones(3, 4))
    seen = {event.key for event in profiled.key_averages()}
    assert {"a", "aten::linear", "aten::relu"} <= seen, seen
    with tempfile.TemporaryDirectory() as directory:
        trace = Path(directory, "trace.json")
        profiled.export_chrome_trace(str(trace))
        assert "aten::linear" in trace.read_text()


@use
def autocast() -> None:
    left, right = torch.randn(5, 5), torch.randn(5, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = left @ right
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), left @ right, rtol=0.1, atol=0.1)
    scaler = torch.amp.GradScaler("cpu")
    assert scaler.is_enabled()


@use
def export() -> None:
    net, inputs = model(), torch.randn(3, 4)
    program = torch.export.export(net, (inputs,), dynamic_shapes=({0: torch.export.Dim("n")},))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "net.pt2")
        torch.export.save(program, path)
        loaded = torch.export.load(path).module()
    more = torch.randn(7, 4)
    assert torch.equal(loaded(more), net(more))


class Squares(torch.utils.data.Dataset):  # type: ignore[misc]
    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        return torch.tensor([index**2]), os.getpid()


def _load(start: str) -> None:
    loader = torch.utils.data.DataLoader(
        Squares(), batch_size=2, num_workers=2, multiprocessing_context=start
    )
    batches = list(loader)
    assert torch.cat([squares for squares, _ in batches]).flatten().tolist() == [0, 1, 4, 9, 16, 25]
    workers = {process for _, made_by in batches for process in made_by.tolist()}
    assert len(workers) == 2
    assert os.getpid() not in workers


@use
def loader_with_forked_workers() -> None:
    _load("fork")


@use
def loader_with_spawned_workers() -> None:
    _load("spawn")


@use
def script_and_trace() -> None:
    net, inputs = model().eval(), torch.randn(3, 4)
    scripted = torch.jit.script(net)
    traced = torch.jit.trace(net, inputs)
    frozen = torch.jit.freeze(scripted)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "net.pt")
        scripted.save(str(path))
        loaded = torch.jit.load(str(path))
    for other in (scripted, traced, frozen, loaded):
        torch.testing.assert_close(other(inputs), net(inputs))


@use
def save_and_load() -> None:
    net = model()
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.randn(3, 4)).sum().backward()
    optimizer.step()
    with tempfile.TemporaryDirectory() as directory:
        for options in ({}, {"_use_new_zipfile_serialization": False}):
            path = Path(directory, "checkpoint.pt")
            torch.save(
                {"net": net.state_dict(), "optimizer": optimizer.state_dict()}, path, **options
            )
            loaded = torch.load(path, weights_only=True)
            other = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
            other.load_state_dict(loaded["net"])
            assert torch.equal(other[0].weight, net[0].weight)
            assert loaded["optimizer"]["state"][0]["step"] == 1


@use
def checkpoint_of_a_gpu() -> None:
    registry = torch.serialization._package_registry
    before = list(registry)
    torch.serialization.register_package(1, lambda _: "cuda:0", lambda _, __: None)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "checkpoint.pt")
        torch.save({"weight": torch.arange(3.0)}, path)
        registry[:] = before
        assert b"cuda:0" in path.read_bytes()
        for where in ("cpu", torch.device("cpu"), {"cuda:0": "cpu"}):
            loaded = torch.load(path, map_location=where)["weight"]
            assert loaded.device.type == "cpu"
            assert loaded.tolist() == [0.0, 1.0, 2.0]
        said = ""
        try:
            torch.load(path)
        except RuntimeError as error:
            said = str(error)
        assert said.startswith(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() "
            "is False. If you are running on a CPU-only machine, please use torch.load with "
            "map_location=torch.device('cpu') to map your storages to the CPU."
        ), said


if __name__ == "__main__":
    USES[sys.argv[1]]()
