"""Automatic differentiation beyond one backward pass, and the transforms of torch.func."""

from typing import Any

import torch

from ..inputs import normal, symmetric
from ..registry import record, since


class Cube(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, values: Any) -> Any:
        ctx.save_for_backward(values)
        return values**3

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        (values,) = ctx.saved_tensors
        return 3 * values**2 * gradient


def leaf(*shape: int) -> Any:
    return normal(*shape).requires_grad_()


@record("autograd.double_backward")
def double_backward() -> object:
    values = leaf(6, 5)
    (first,) = torch.autograd.grad((values.sin() * values.exp()).sum(), values, create_graph=True)
    return [first, torch.autograd.grad(first.pow(2).sum(), values)]


@record("autograd.convolution_twice", needs=since("1.2"))
def convolution_twice() -> object:
    images, kernel = leaf(2, 3, 8, 8), leaf(4, 3, 3, 3)
    loss = torch.nn.functional.conv2d(images, kernel).pow(2).sum()
    first = torch.autograd.grad(loss, [images, kernel], create_graph=True)
    return [first, torch.autograd.grad(first[0].pow(2).sum(), [images, kernel])]


@record("autograd.function")
def function() -> object:
    values = leaf(6, 5)
    Cube.apply(values).sum().backward()
    accurate = torch.autograd.gradcheck(Cube.apply, (leaf(3).double(),), eps=1e-6, atol=1e-4)
    return [values.grad, accurate]


@record("autograd.checkpoint", needs=since("2.0"))
def checkpoint() -> object:
    from torch.utils.checkpoint import checkpoint as recompute

    layer = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Dropout(0.3))
    values, gradients = normal(6, 5), []
    for reentrant in (True, False):
        inputs = values.clone().requires_grad_()
        recompute(layer, inputs, use_reentrant=reentrant).pow(2).sum().backward()
        gradients.append(inputs.grad)
    return gradients


@record("autograd.hooks")
def hooks() -> object:
    seen = []
    values = leaf(4)
    layer = torch.nn.Linear(4, 3)
    layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()))
    values.register_hook(lambda gradient: gradient * 2)
    layer(values).sum().backward()
    return [seen, values.grad]


@record("autograd.complex", needs=since("1.9"))
def complex_numbers() -> object:
    values = normal(9, dtype="complex64").requires_grad_()
    (values.exp() * values.conj()).abs().sum().backward()
    return values.grad


@record("autograd.functional", needs="torch.autograd.functional.hessian")
def functional() -> object:
    values = normal(4)
    functions = torch.autograd.functional
    return [
        functions.jacobian(lambda x: x.sin() * x.sum(), values),
        functions.hessian(lambda x: x.pow(3).sum(), values),
        functions.vjp(lambda x: x.exp(), values, values),
    ]


@record("autograd.forward_mode", needs=("torch.autograd.forward_ad.dual_level", since("1.13")))
def forward_mode() -> object:
    forward_ad = torch.autograd.forward_ad
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(symmetric(5), normal(5, 5, dtype="float64"))
        return list(forward_ad.unpack_dual(torch.linalg.inv(dual).tanh()))


@record("transform.vmap", needs="torch.func.vmap")
def vmap() -> object:
    matrices, vectors = normal(8, 5, 6), normal(8, 6)
    return [
        torch.func.vmap(torch.mv)(matrices, vectors),
        torch.func.vmap(torch.mv, in_dims=(0, None))(matrices, vectors[0]),
        torch.func.vmap(lambda x: torch.randn(3) + x.sum(), randomness="different")(vectors),
    ]


@record("transform.per_sample_gradients", needs="torch.func.functional_call")
def per_sample_gradients() -> object:
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 2))
    weights = {name: tensor.detach() for name, tensor in model.named_parameters()}

    def loss(named: Any, inputs: Any) -> Any:
        return torch.func.functional_call(model, named, (inputs,)).pow(2).sum()

    return torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(weights, normal(6, 5))


@record("transform.jacobians", needs="torch.func.jacfwd")
def jacobians() -> object:
    values, func = normal(5), torch.func
    kinds = (func.jacrev, func.jacfwd)
    return [
        [kind(lambda x: x.sin() * x.prod())(values) for kind in kinds],
        func.hessian(lambda x: x.pow(3).sum())(values),
        func.jvp(torch.exp, (values,), (values,)),
    ]
