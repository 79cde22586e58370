"""Errors: what crosses from C++ into Python, by type and message."""

from typing import Any

import torch

from ..inputs import normal, raised
from ..registry import record, since


def added(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    # Compiled for its one record: what ran before changes the message that TorchScript gives.
    return left + right


def unsupported(values: torch.Tensor) -> torch.Tensor:
    return values.no_such_method()


class Failing(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(_ctx: Any, values: Any) -> Any:
        return values.clone()

    @staticmethod
    def backward(_ctx: Any, _gradient: Any) -> Any:
        raise ValueError("backward failed on purpose")


def changed_in_place() -> object:
    values = torch.ones(3, requires_grad=True)
    result = values.exp()
    result.add_(1)
    return result.sum().backward()


def backward_twice() -> object:
    result = torch.ones(3, requires_grad=True).exp().sum()
    result.backward()
    return result.backward()


def wrong_state() -> object:
    return torch.nn.Linear(3, 4).load_state_dict(
        {"weight": torch.zeros(4, 4), "other": torch.ones(1)}
    )


CASES = {
    "shapes": lambda: torch.mm(normal(2, 3), normal(4, 5)),
    "broadcast": lambda: normal(2, 3) + normal(4, 5),
    "index": lambda: normal(3)[7],
    "index_tensor": lambda: normal(3)[torch.tensor([0, 9])],
    "embedding": lambda: torch.nn.functional.embedding(torch.tensor([9]), normal(3, 2)),
    "view": lambda: normal(4, 6).t().view(-1),
    "reshape": lambda: normal(7).reshape(2, 3),
    "dtypes": lambda: torch.mm(normal(2, 2), normal(2, 2, dtype="float64")),
    "argument": lambda: torch.zeros("three"),
    "dimension": lambda: normal(2, 3).sum(5),
    "convolution": lambda: torch.nn.Conv2d(3, 4, 3)(normal(1, 5, 8, 8)),
    "negative": lambda: torch.zeros(-1),
    "scalar": lambda: normal(2).item(),
    "truth": lambda: bool(normal(2)),
    "in_place": changed_in_place,
    "backward_twice": backward_twice,
    "backward": lambda: Failing.apply(torch.ones(2, requires_grad=True)).sum().backward(),
    "no_gradient": lambda: torch.ones(2).sum().backward(),
    "state_dict": wrong_state,
    "stack": lambda: torch.stack([normal(2), normal(3)]),
    "file": lambda: torch.load("/no/such/file"),
    "cuda": lambda: torch.zeros(1).cuda(),
    "jit_call": lambda: torch.jit.script(added)(normal(2), normal(3)),
    "jit_source": lambda: torch.jit.script(unsupported),
}


@record("error.{}", each=tuple(CASES))
def error(name: str) -> object:
    return raised(CASES[name])


@record("error.linalg", needs=("torch.linalg.cholesky", "torch.linalg.solve", since("1.13")))
def linalg() -> object:
    singular = torch.ones(3, 3)
    return [
        raised(lambda: torch.linalg.solve(singular, normal(3))),
        raised(lambda: torch.linalg.cholesky(-singular)),
        raised(lambda: torch.linalg.inv(singular)),
        raised(lambda: torch.linalg.inv(normal(2, 3))),
    ]


@record("error.operator", needs=("torch.ops.aten", since("1.13")))
def operator() -> object:
    return [
        raised(lambda: torch.ops.aten.no_such_operator(normal(2))),
        raised(lambda: torch.ops.aten.relu("text")),
        raised(lambda: torch.ops.aten.relu(normal(2).to_mkldnn().to(torch.int8))),
    ]


@record("error.worker", needs=since("1.2"))
def worker() -> object:
    # The message carries a traceback with line numbers; what torch adds to it is its first line.
    loader = torch.utils.data.DataLoader([1, 2], num_workers=1, collate_fn=_fail)
    return raised(lambda: list(loader)).split("\n")[0]


def _fail(_batch: object) -> object:
    raise ValueError("collate failed on purpose")
