"""Saving and loading: torch.save in its formats, packages, pickles."""

import copy
import io
import os
import pickle
import tempfile
from typing import Any

import torch

from ..digest import digest
from ..inputs import normal, parameters, raised
from ..registry import record, since


class Unsafe:
    """A class that torch.load(weights_only=True) does not know."""


def values() -> Any:
    shared = normal(6, 5)
    return {
        "float": shared,
        "view": shared[1:3].t(),
        "integers": torch.randint(9, (4,)),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "plain": [1, 2.5, "text", None, True],
    }


def saved(value: object, **options: Any) -> Any:
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    stream.seek(0)
    return stream


@record("file.round_trip")
def round_trip() -> object:
    loaded = torch.load(saved(values()))
    shares = loaded["float"].storage().data_ptr() == loaded["view"].storage().data_ptr()
    return [loaded, list(loaded["view"].stride()), shares]


@record("file.legacy", needs=since("1.6"))
def legacy() -> object:
    return torch.load(saved(values(), _use_new_zipfile_serialization=False))


@record("file.dtypes", needs=("torch.bfloat16", since("1.8")))
def dtypes() -> object:
    names = "float16 bfloat16 float64 complex64 int8 uint8 int16 int32 bool"
    tensors = [normal(6).clamp(0, 9).to(getattr(torch, name)) for name in names.split()]
    quantized = torch.quantize_per_tensor(normal(6), 0.1, 3, torch.quint8)
    return torch.load(saved([*tensors, quantized, torch.eye(3).to_sparse()]))


@record("file.weights_only", needs=since("1.13"))
def weights_only() -> object:
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.BatchNorm1d(5))
    return torch.load(saved(model.state_dict()), weights_only=True)


@record("file.refused", needs=since("2.6"))
def refused() -> object:
    return raised(lambda: torch.load(saved(Unsafe()), weights_only=True)).split("\n")[0]


@record("file.mapped", needs=since("2.1"))
def mapped() -> object:
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "values.pt")
        torch.save(values(), path)
        return digest(torch.load(path, mmap=True))


@record("file.bytes", needs=since("1.6"))
def content() -> object:
    # What torch writes, not only what it reads back.
    return saved([normal(6), "text"]).getvalue()


@record("file.module")
def module() -> object:
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU())
    again = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU())
    again.load_state_dict(torch.load(saved(model.state_dict())))
    return [parameters(again), parameters(copy.deepcopy(model)), again(normal(3, 4))]


@record("file.pickle")
def pickles() -> object:
    model = torch.nn.LSTM(4, 5)
    return [parameters(pickle.loads(pickle.dumps(model, version))) for version in (2, 4)]


@record("file.package", needs="torch.package.PackageExporter")
def package() -> object:
    stream = io.BytesIO()
    with torch.package.PackageExporter(stream) as exporter:
        exporter.save_source_string("model.scale", "def scale(x):\n    return x * 3\n")
        exporter.save_pickle("data", "values.pkl", values())
    stream.seek(0)
    importer = torch.package.PackageImporter(stream)
    scale = importer.import_module("model.scale").scale
    return [importer.load_pickle("data", "values.pkl"), scale(normal(4))]
