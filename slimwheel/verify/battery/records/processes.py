"""More than one process: loaders, shared memory, queues, process groups.

What runs in another process stands at the top of this module: a process that is spawned finds it
there by name. `torch_shm_manager`, a program in the wheel, serves the strategy `file_system`.
"""

import contextlib
import os
import tempfile
from typing import Any, Iterator

import torch
import torch.multiprocessing
import torch.utils.data

from ..inputs import normal
from ..registry import record, since

STRATEGIES = ("file_descriptor", "file_system")
METHODS = ("fork", "spawn")


class Squares(torch.utils.data.Dataset):  # type: ignore[misc]
    def __len__(self) -> int:
        return 23

    def __getitem__(self, index: int) -> Any:
        return {
            "index": index,
            "values": torch.full((3,), float(index)) ** 2,
            "noise": torch.rand(2),
        }


def doubled(requests: Any, answers: Any) -> None:
    """Answer each tensor with its double, until there is a None."""
    # Comparing with None, as iter() does, is an error in old releases.
    while True:
        tensor = requests.get()
        if tensor is None:
            break
        answers.put(tensor * 2)
    # A tensor lives in the memory of this process until its receiver has opened it.
    requests.get()


def increment(_rank: int, shared: Any) -> None:
    shared += 1


def reduce(rank: int, store: str, results: Any) -> None:
    """Sum over two processes; process 0 puts the result where the parent sees it."""
    import torch.distributed as distributed

    distributed.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
    values = torch.arange(5, dtype=torch.float32) * (rank + 1)
    distributed.all_reduce(values)
    gathered = [torch.zeros(5) for _ in range(2)]
    distributed.all_gather(gathered, values + rank)
    if rank == 0:
        results.copy_(torch.stack([values, *gathered]))
    distributed.destroy_process_group()


@contextlib.contextmanager
def sharing(strategy: str) -> Iterator[None]:
    before = torch.multiprocessing.get_sharing_strategy()
    torch.multiprocessing.set_sharing_strategy(strategy)
    try:
        yield
    finally:
        torch.multiprocessing.set_sharing_strategy(before)


@record("loader.serial")
def serial() -> object:
    return list(torch.utils.data.DataLoader(Squares(), batch_size=4, shuffle=True))


@record("loader.{}", each=METHODS, needs=since("1.2"))
def workers(method: str) -> object:
    loader = torch.utils.data.DataLoader(
        Squares(), batch_size=4, shuffle=True, num_workers=2, multiprocessing_context=method
    )
    return list(loader)


@record("loader.file_system", needs=since("1.2"))
def loader_file_system() -> object:
    with sharing("file_system"):
        return list(torch.utils.data.DataLoader(Squares(), batch_size=4, num_workers=2))


@record("loader.samplers")
def samplers() -> object:
    data = torch.utils.data
    weighted = data.WeightedRandomSampler(torch.rand(9), 20)
    halves = data.random_split(Squares(), [20, 3])
    return [list(weighted), [list(half.indices) for half in halves]]


@record("sharing.queue.{}", each=STRATEGIES)
def queue(strategy: str) -> object:
    with sharing(strategy):
        context = torch.multiprocessing.get_context("fork")
        requests, answers = context.Queue(), context.Queue()
        process = context.Process(target=doubled, args=(requests, answers), daemon=True)
        process.start()
        for _ in range(3):
            requests.put(normal(50, 20))
        requests.put(None)
        received = [answers.get(timeout=20).clone() for _ in range(3)]
        requests.put(None)
        process.join(20)
        return received


@record("sharing.spawn.{}", each=STRATEGIES)
def spawn(strategy: str) -> object:
    with sharing(strategy):
        shared = normal(40).share_memory_()
        torch.multiprocessing.spawn(increment, (shared,), nprocs=1)
        return [shared, shared.is_shared()]


@record("sharing.pool")
def pool() -> object:
    with torch.multiprocessing.get_context("fork").Pool(2) as workers_:
        return workers_.map(torch.sin, [normal(5) for _ in range(4)])


@record("distributed.gloo", needs=("torch.distributed.init_process_group", since("1.8")))
def gloo() -> object:
    results = torch.zeros(3, 5).share_memory_()
    with tempfile.TemporaryDirectory() as directory:
        store = os.path.join(directory, "store")
        torch.multiprocessing.spawn(reduce, (store, results), nprocs=2)
    return results
