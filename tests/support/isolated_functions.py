"""Functions that tests/wheels calls in other processes with a real torch, of any release."""

import os
from typing import Any

import torch


def echo(value: Any) -> Any:
    return value


def ones(shape: "list[int]") -> Any:
    return torch.ones(*shape)


def sums(tensors: "list[Any]") -> "list[float]":
    return [float(tensor.double().sum()) for tensor in tensors]


def threads(_: None) -> int:
    return int(torch.get_num_threads())


def work(tensor: Any) -> "dict[str, Any]":
    return {"product": tensor.mm(tensor), "pid": os.getpid()}


def sparse(_: None) -> Any:
    return {"layers": [torch.sparse_coo_tensor(torch.tensor([[0]]), torch.ones(1), [3])]}
