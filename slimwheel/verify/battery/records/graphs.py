"""Programs as data: fx, export, dynamo without a backend, operators of one's own, profiles."""

from typing import Any

import torch

from ..inputs import normal, with_gradients
from ..registry import record, since
from .scripting import Network, pointwise


@record("graph.fx", needs="torch.fx.symbolic_trace")
def fx() -> object:
    traced = torch.fx.symbolic_trace(Network().eval())
    return [traced.code, traced(normal(5, 6))]


@record("graph.make_fx", needs="torch.fx.experimental.proxy_tensor.make_fx")
def make_fx() -> object:
    from torch.fx.experimental import proxy_tensor

    traced = proxy_tensor.make_fx(torch.func.grad(lambda x: x.sin().sum()))(normal(5))
    return [traced.code, traced(normal(5))]


@record("graph.export", needs=("torch.export.export", since("2.5")))
def export() -> object:
    program = torch.export.export(Network().eval(), (normal(5, 6),))
    return [program.graph_module.code, program.module()(normal(5, 6))]


@record("graph.dynamo.{}", each=("eager", "aot_eager"), needs=since("2.1"))
def dynamo(backend: str) -> object:
    return with_gradients(torch.compile(pointwise, backend=backend), normal(4, 5), normal(4, 5))


@record("graph.meta", needs=since("2.0"))
def meta() -> object:
    with torch.device("meta"):
        shapes = [torch.nn.Conv2d(3, 4, 3)(torch.empty(2, 3, 9, 9)).shape]
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        shapes.append(torch.mm(torch.empty(4, 5), torch.empty(5, 6)).shape)
    return [list(shape) for shape in shapes]


@record("graph.modes", needs=since("2.0"))
def modes() -> object:
    from torch.utils._python_dispatch import TorchDispatchMode

    seen = []

    class Names(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(
            self, func: Any, _types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            seen.append(str(func))
            return func(*args, **(kwargs or {}))

    with Names():
        Network()(normal(5, 6)).sum().backward()
    return seen


@record("graph.library", needs=("torch.library.custom_op", since("2.4")))
def library() -> object:
    def double(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    defined = torch.library.custom_op("battery::double", double, mutates_args=())
    defined.register_fake(torch.empty_like)
    defined.register_autograd(lambda _context, gradient: gradient * 2)
    return with_gradients(torch.ops.battery.double, normal(5))


@record("graph.profile", needs=("torch.profiler.profile", since("1.10")))
def profile() -> object:
    # Which operators ran, in their order; never how long.
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        Network()(normal(5, 6))
    return [event.name for event in profiler.events() if event.name.startswith("aten::")]


@record("graph.operators", needs="torch._C._jit_get_all_schemas")
def operators() -> object:
    # Static initialisers of the libraries register these; other names come with Python modules.
    schemas = [str(schema) for schema in torch._C._jit_get_all_schemas()]
    return sorted(schema for schema in schemas if schema.startswith(("aten::", "prim::")))


@record("graph.configuration", needs=since("1.2"))
def configuration() -> object:
    return [torch.__config__.show(), torch.__config__.parallel_info().split("\n")[0]]
