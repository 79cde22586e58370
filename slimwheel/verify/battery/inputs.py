"""What records are made from: inputs, gradients, and what a call raises.

Inputs are drawn from torch's generator, which is seeded before each record: both sides of a
comparison run the same torch, so a generator that differs is a difference that must show.
"""

from typing import Any, Callable, Optional, Sequence

import torch

from .digest import error_text

FLOATS = ("float32", "float64")
DTYPES = ("float32", "float64", "bfloat16", "complex64")


def supported(name: str) -> Optional[str]:
    """The condition that torch has a dtype, and can make tensors of it."""
    maker = "complex" if name.startswith("complex") else "tensor"
    return None if hasattr(torch, name) and hasattr(torch, maker) else "no {} here".format(name)


def normal(*shape: int, dtype: str = "float32") -> Any:
    """A tensor of standard normal values."""
    if dtype.startswith("complex"):
        part = torch.float64 if dtype == "complex128" else torch.float32
        return torch.complex(torch.randn(shape, dtype=part), torch.randn(shape, dtype=part))
    # Drawn in float64 so that every dtype is given the same values, rounded.
    return torch.randn(shape, dtype=torch.float64).to(getattr(torch, dtype))


def symmetric(size: int, dtype: str = "float64") -> Any:
    """A positive definite matrix, well conditioned."""
    matrix = normal(size, size, dtype=dtype)
    return matrix.matmul(matrix.t()) + size * torch.eye(size, dtype=getattr(torch, dtype))


def with_gradients(function: Callable[..., Any], *inputs: Any) -> object:
    """The result of a function, and the gradients of a weighted sum of it.

    Gradients are taken for the inputs that are of floating point, and, where the function is a
    module, for its parameters.
    """
    leaves = [_leaf(tensor) for tensor in inputs]
    result = function(*leaves)
    first = result[0] if isinstance(result, tuple) else result
    # Weights that differ from each other: a plain sum hides what is permuted.
    weights = torch.arange(1, first.numel() + 1, dtype=torch.float64)
    weights = (weights / first.numel()).to(first.dtype).reshape(first.shape)
    (first * weights).sum().abs().backward()
    gradients = [leaf.grad for leaf in leaves if leaf.requires_grad]
    if isinstance(function, torch.nn.Module):
        gradients += [parameter.grad for parameter in function.parameters()]
    return [result, gradients]


def _leaf(tensor: Any) -> Any:
    floating = not str(tensor.dtype).startswith(("torch.int", "torch.uint", "torch.bool"))
    return tensor.detach().clone().requires_grad_(floating)


def raised(function: Callable[[], object]) -> str:
    """The type and message of what a call raises.

    Raises:
        AssertionError: it raised nothing.
    """
    try:
        result = function()
    except Exception as error:
        return error_text(error)
    raise AssertionError("nothing was raised, the result is {!r}".format(result))


def parameters(module: Any) -> Sequence[Any]:
    """A module's parameters and buffers by name, in their order."""
    return [(name, tensor) for name, tensor in module.state_dict().items()]
