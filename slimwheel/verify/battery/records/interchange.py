"""Tensors and what is not torch: numpy, DLPack, buffers, views of other types."""

import os
import tempfile

import torch

from ..inputs import normal, raised
from ..registry import record, since


@record("numpy.round_trip", needs="numpy.ndarray")
def round_trip() -> object:
    arrays = [normal(4, 5).numpy(), torch.arange(6).numpy(), normal(4, 5).t().numpy()]
    return [arrays, [torch.from_numpy(array) for array in arrays]]


@record("numpy.shared", needs="numpy.ndarray")
def shared() -> object:
    import numpy

    array = numpy.arange(6, dtype=numpy.float32)
    tensor = torch.from_numpy(array)
    tensor.mul_(2)
    array[0] = 9
    return [array, tensor, torch.as_tensor(array) + 1]


@record("numpy.functions", needs="numpy.ndarray")
def functions() -> object:
    import numpy

    return [numpy.sum(normal(4, 5).numpy()), numpy.asarray(normal(3)), torch.tensor(numpy.eye(3))]


@record("numpy.errors", needs="numpy.ndarray")
def errors() -> object:
    return raised(lambda: torch.ones(2, requires_grad=True).numpy())


@record("dlpack.round_trip")
def dlpack() -> object:
    import torch.utils.dlpack

    tensor = normal(4, 5).t()
    again = torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(tensor))
    again[0, 0] = 7
    return [again, list(again.stride()), tensor]


@record("dlpack.numpy", needs=("numpy.from_dlpack", "torch.from_dlpack"))
def dlpack_numpy() -> object:
    import numpy

    return [numpy.from_dlpack(normal(4, 5)), torch.from_dlpack(numpy.arange(5.0))]


@record("buffer.bytes", needs="torch.frombuffer")
def buffer() -> object:
    return torch.frombuffer(bytearray(range(24)), dtype=torch.int16, offset=4)


@record("buffer.file", needs=since("1.2"))
def file() -> object:
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "values")
        mapped = torch.from_file(path, shared=True, size=6, dtype=torch.float32)
        mapped.copy_(torch.arange(6.0))
        with open(path, "rb") as stream:
            return [mapped, stream.read()]


@record("view.types", needs="torch.view_as_complex")
def types() -> object:
    values = normal(4, 6)
    return [
        values.view(torch.int32),
        torch.view_as_complex(values.reshape(4, 3, 2)),
        values.double().to(torch.int64),
        values.to(torch.bfloat16).view(torch.int16),
    ]


@record("view.strides")
def strides() -> object:
    values = normal(60)
    return [
        values.as_strided((3, 4), (2, 5), 7),
        values.unfold(0, 7, 5),
        values.view(3, 4, 5).transpose(0, 2).contiguous(),
        values.view(3, 4, 5).expand(2, 3, 4, 5),
    ]


@record("view.text")
def text() -> object:
    torch.set_printoptions(precision=6)
    try:
        return [
            repr(normal(3, 4)),
            repr(torch.arange(3)),
            str(torch.nn.LSTM(3, 4)),
            normal(3).tolist(),
        ]
    finally:
        torch.set_printoptions(profile="default")
