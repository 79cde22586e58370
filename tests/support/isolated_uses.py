"""Run in environments with torch: sends tensors to other processes and back.

`python isolated_uses.py NAME` runs one function. Runs with torch 1.0 and Python 3.6 too.
"""

import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy
import torch
from torch_ergonomics import ChildRaised, NotSendable, Worker, run_isolated

FUNCTIONS = str(Path(__file__).absolute().with_name("isolated_functions.py")) + ":"
DTYPES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex32",
    "complex64",
    "complex128",
    "float8_e4m3fn",
    "float8_e5m2",
]


def bits(tensor: Any) -> bytes:
    from torch_ergonomics.tensors.memory import plain, tensor_bytes

    return bytes(tensor_bytes(plain(tensor)))


def raised(kind: "type[BaseException]", call: Any, *args: Any) -> Any:
    try:
        call(*args)
    except kind as error:
        return error
    raise AssertionError("nothing was raised")


def tensors() -> None:
    """Every type that this torch has, in every shape that is special."""
    sent = {}
    for name in DTYPES:
        dtype = getattr(torch, name, None)
        if not isinstance(dtype, torch.dtype):
            continue
        square = torch.arange(24).reshape(4, 6)
        shapes = [square, square.t(), square[1:, ::2], torch.tensor(1), torch.zeros(0, 3).long()]
        try:
            made = [tensor.to(dtype) for tensor in shapes]
        except (RuntimeError, TypeError):  # not in this release, or in name only
            continue
        made[1] = made[0].t()
        made[2] = made[0][1:, ::2]
        sent[name] = made
    assert {"uint8", "int64", "float16", "float32", "float64"} <= set(sent)
    with Worker(FUNCTIONS + "echo", timeout=300) as echo:
        got = echo(sent)
        for name, made in sent.items():
            for one, other in zip(made, got[name]):  # noqa: B905
                assert one.dtype == other.dtype, name
                assert one.shape == other.shape, name
                assert bits(one) == bits(other), name
        parameter = torch.nn.Parameter(torch.ones(2))
        assert not echo(parameter).requires_grad
        weights = torch.nn.Linear(3, 4).state_dict()
        assert all(bool((echo(weights)[key] == weights[key]).all()) for key in weights)
        if hasattr(torch, "conj"):
            lazy = torch.tensor([1 + 2j]).conj()
            assert echo(lazy).tolist() == [1 - 2j]
        arrays = [
            numpy.arange(6.0).reshape(2, 3).T,
            numpy.array(3, "int16"),
            numpy.zeros((0, 2), "bool"),
            numpy.arange(3, dtype=">i4"),
            numpy.array([1 + 2j]),
        ]
        for one, other in zip(arrays, echo(arrays)):  # noqa: B905
            assert isinstance(other, numpy.ndarray)
            assert one.shape == other.shape
            assert one.dtype.name == other.dtype.name
            assert (one == other).all()
        assert echo(numpy.float32(1.5)) == 1.5
    sys.stdout.write(" ".join(sent))


def refused() -> None:
    with Worker(FUNCTIONS + "sparse", timeout=300) as call:
        error = raised(NotSendable, call, None)
        assert "the result['layers'][0]: a tensor of layout" in str(error), error
        for array in (numpy.array(["text"]), numpy.ma.array([1], mask=[True])):
            raised(NotSendable, call, array)


def many() -> None:
    """Several workers, called by several threads."""
    workers = [Worker(FUNCTIONS + "work", threads=1, timeout=300) for _ in range(2)]
    results = []

    def call(number: int) -> None:
        tensor = torch.eye(50) * number
        result = workers[number % 2](tensor)
        results.append((number, float(result["product"].sum()), result["pid"]))

    callers = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for one in workers:
        one.close()
    assert sorted(value[:2] for value in results) == [(n, 50.0 * n * n) for n in range(8)]
    assert len({pid for _, _, pid in results}) == 2


def threads() -> None:
    # Old releases start no more than there are cores, whatever they are told.
    assert run_isolated(FUNCTIONS + "threads", None, threads=1, timeout=300) == 1


def errors() -> None:
    error = raised(ChildRaised, run_isolated, FUNCTIONS + "work", torch.ones(2, 3))
    assert error.type_name == "RuntimeError"
    assert "tensor.mm(tensor)" in str(error.traceback)


def large_result() -> None:
    result = run_isolated(FUNCTIONS + "ones", [512, 1000, 250], timeout=600)
    assert result.shape == (512, 1000, 250)
    # By parts: sums may take memory of their own.
    assert all(float(part.sum()) == part.numel() for part in result)


def small_result() -> None:
    assert run_isolated(FUNCTIONS + "ones", [1, 1, 1], timeout=600).shape == (1, 1, 1)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    globals()[sys.argv[1]]()
