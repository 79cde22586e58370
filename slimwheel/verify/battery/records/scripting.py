"""TorchScript: compiling, tracing, freezing, files."""

import io
from typing import Any, List

import torch

from ..inputs import normal, parameters, with_gradients
from ..registry import record, since


def branching(values: torch.Tensor, limit: int) -> torch.Tensor:
    result = torch.zeros_like(values)
    for step in range(limit):
        if bool(values.sum() > float(step)):
            result = result + values * float(step)
        else:
            result = result - values
    return result


def pointwise(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return (left * right).sigmoid() + left.tanh()


def split(values: torch.Tensor, parts: List[int]) -> List[torch.Tensor]:
    results = []
    start = 0
    for part in parts:
        results.append(values[start : start + part])
        start += part
    return results


class Network(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU())
        self.norm = torch.nn.BatchNorm1d(8)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.norm(self.layers(values))


def reloaded(module: Any) -> Any:
    stream = io.BytesIO()
    torch.jit.save(module, stream)
    stream.seek(0)
    return torch.jit.load(stream)


@record("jit.control_flow", needs=since("1.1"))
def control_flow() -> object:
    return torch.jit.script(branching)(normal(7), 4)


@record("jit.fusion")
def fusion() -> object:
    # Optimising begins at the second or third call.
    compiled = torch.jit.script(pointwise)
    inputs = [normal(40, 50) for _ in range(2)]
    return [with_gradients(compiled, *inputs) for _ in range(4)]


@record("jit.lists", needs=since("1.2"))
def lists() -> object:
    return torch.jit.script(split)(normal(10), [3, 2, 5])


@record("jit.graph", needs=since("1.2"))
def graph() -> object:
    return [
        str(torch.jit.script(pointwise).inlined_graph).split("#")[0],
        torch.jit.script(split).code,
    ]


@record("jit.module", needs=since("1.2"))
def module() -> object:
    compiled = torch.jit.script(Network())
    return [with_gradients(compiled, normal(5, 6)), compiled.eval()(normal(5, 6))]


@record("jit.trace")
def trace() -> object:
    model = Network().eval()
    traced = torch.jit.trace(model, normal(5, 6))
    return traced(normal(9, 6))


@record("jit.file", needs=since("1.2"))
def file() -> object:
    values, compiled = normal(5, 6), torch.jit.script(Network().eval())
    again = reloaded(compiled)
    return [compiled(values), again(values), parameters(again)]


@record("jit.freeze", needs="torch.jit.freeze")
def freeze() -> object:
    values, compiled = normal(5, 6), torch.jit.script(Network().eval())
    frozen = torch.jit.freeze(compiled)
    best = (
        torch.jit.optimize_for_inference(compiled)
        if hasattr(torch.jit, "optimize_for_inference")
        else frozen
    )
    return [frozen(values), reloaded(frozen)(values), [best(values) for _ in range(3)]]


@record("jit.parallel", needs="torch.jit.fork")
def parallel() -> object:
    values = normal(20)
    return torch.jit.wait(torch.jit.fork(branching, values, 3))
