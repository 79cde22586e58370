"""Integers in eight bits: FBGEMM, oneDNN and QNNPACK, static and dynamic."""

import contextlib
from typing import Any, Iterator, Optional

import torch

from ..inputs import normal, with_gradients
from ..registry import record, since

ENGINES = ("fbgemm", "x86", "onednn", "qnnpack")
QUANTIZE = "torch.ao.quantization.quantize_dynamic"


class Network(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, quantization: Any) -> None:
        super().__init__()
        self.enter, self.leave = quantization.QuantStub(), quantization.DeQuantStub()
        self.convolution = torch.nn.Conv2d(3, 8, 3)
        self.activation = torch.nn.ReLU()
        self.linear = torch.nn.Linear(8 * 6 * 6, 10)

    def forward(self, images: Any) -> Any:
        hidden = self.activation(self.convolution(self.enter(images)))
        return self.leave(self.linear(hidden.flatten(1)))


@contextlib.contextmanager
def engine_of(name: str) -> Iterator[Any]:
    """Use an engine of quantised operations for a while; gives the module that quantises."""
    import torch.ao.quantization

    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = name
    try:
        yield torch.ao.quantization
    finally:
        torch.backends.quantized.engine = before


def supported(engine: str) -> Optional[str]:
    if engine in torch.backends.quantized.supported_engines:
        return None
    return "no quantised engine {} here".format(engine)


@record("quantized.static.{}", each=ENGINES, needs=(QUANTIZE, supported))
def static(engine: str) -> object:
    with engine_of(engine) as quantization:
        model = Network(quantization).eval()
        model.qconfig = quantization.get_default_qconfig(engine)
        quantization.prepare(model, inplace=True)
        model(normal(4, 3, 8, 8))
        quantization.convert(model, inplace=True)
        return model(normal(4, 3, 8, 8))


@record("quantized.dynamic.{}", each=ENGINES, needs=(QUANTIZE, supported))
def dynamic(engine: str) -> object:
    with engine_of(engine) as quantization:
        model = torch.nn.Sequential(
            torch.nn.Linear(20, 30), torch.nn.ReLU(), torch.nn.Linear(30, 5)
        )
        converted = quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
        return converted(normal(7, 20))


@record("quantized.lstm.{}", each=ENGINES, needs=(QUANTIZE, supported))
def lstm(engine: str) -> object:
    with engine_of(engine) as quantization:
        model = torch.nn.Sequential(torch.nn.LSTM(9, 12))
        converted = quantization.quantize_dynamic(model, {torch.nn.LSTM}, dtype=torch.qint8)
        return converted(normal(5, 3, 9))


@record("quantized.float16.{}", each=("fbgemm",), needs=(QUANTIZE, supported))
def float16(engine: str) -> object:
    with engine_of(engine) as quantization:
        model = torch.nn.Sequential(torch.nn.Linear(20, 30))
        converted = quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.float16)
        return converted(normal(7, 20))


@record("quantized.tensors", needs="torch.quantize_per_channel")
def tensors() -> object:
    values = normal(6, 9)
    flat = torch.quantize_per_tensor(values, 0.1, 3, torch.quint8)
    scales, zeros = torch.rand(6) * 0.1 + 0.01, torch.zeros(6, dtype=torch.int64)
    channels = torch.quantize_per_channel(values, scales, zeros, 0, torch.qint8)
    return [flat, flat.dequantize(), channels, channels.dequantize(), torch.relu(flat)]


@record("quantized.operations", needs=since("1.8"))
def operations() -> object:
    left, right = (torch.quantize_per_tensor(normal(6, 9), 0.1, 3, torch.quint8) for _ in range(2))
    ops = torch.ops.quantized
    return [
        ops.add(left, right, 0.2, 4),
        ops.mul(left, right, 0.2, 4),
        ops.cat([left, right], 0, 0.1, 3),
        left.sort(1),
        left.reshape(9, 6).topk(2, 0),
    ]


@record("quantized.fake", needs="torch.fake_quantize_per_tensor_affine")
def fake() -> object:
    return with_gradients(
        lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 3, 0, 255), normal(6, 9)
    )


@record("quantized.int_mm", needs=("torch._int_mm", since("2.2")))
def int_mm() -> object:
    left, right = torch.randint(-99, 99, (33, 64)), torch.randint(-99, 99, (64, 40))
    return torch._int_mm(left.to(torch.int8), right.to(torch.int8))


@record("quantized.float8", needs="torch.float8_e4m3fn")
def float8() -> object:
    values = normal(6, 9)
    return [values.to(kind).float() for kind in (torch.float8_e4m3fn, torch.float8_e5m2)]
