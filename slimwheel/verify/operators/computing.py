"""What an operator makes of one sample, forward and backward, as texts that can be compared.

sha256 <digest>         of what it returned
raised <type>: <text>   what it raised counts as its result
skipped <reason>        what has no bytes to compare
"""

from typing import Any, Callable, List, Optional

import torch

from ..battery.digest import digest, error_text
from .sampling import inputs_of, seed, tensors

_DIGITS = 32
"""Hexadecimal digits of a hash that are kept: 128 bits tell a few million results apart."""


class NothingToDifferentiate(Exception):
    """No output depends on an input that takes a gradient."""


def fingerprint(value: Any) -> str:
    """The text for a value."""
    try:
        return "sha256 " + digest(value)[:_DIGITS]
    except Exception as error:
        # Not the operator's doing: its value is of a kind that cannot be read.
        return "skipped " + error_text(error)


def given(sample: Any) -> str:
    """The text for the tensors that a sample brings; its description has the rest."""
    return fingerprint(list(tensors(inputs_of(sample))))


def forward(operator: Any, sample: Any, name: str) -> str:
    """The operator's result with gradients switched off, as for inference."""

    def compute() -> Any:
        with torch.no_grad():
            return operator(sample.input, *sample.args, **sample.kwargs)

    return _outcome(compute, name)


def backward(operator: Any, sample: Any, name: str) -> str:
    """The operator's result with gradients on, and those of a weighted sum of it."""

    def compute() -> Any:
        result = operator(sample.input, *sample.args, **sample.kwargs)
        process = getattr(sample, "output_process_fn_grad", None)
        return [result, gradients(result if process is None else process(result), sample)]

    return _outcome(compute, name)


def gradients(result: Any, sample: Any) -> List[Optional[torch.Tensor]]:
    """The gradients for all inputs that take one.

    Raises:
        NothingToDifferentiate: there are none.
    """
    leaves = [tensor for tensor in tensors(inputs_of(sample)) if tensor.requires_grad]
    roots = [_dense(tensor) for tensor in tensors(result) if tensor.requires_grad]
    if not leaves or not roots:
        raise NothingToDifferentiate("no output depends on an input that takes a gradient")
    weights = [_weights(root) for root in roots]
    return list(torch.autograd.grad(roots, leaves, weights, allow_unused=True))


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def _weights(root: torch.Tensor) -> torch.Tensor:
    # They differ from each other: a plain sum hides what is permuted.
    count = root.numel()
    weights = torch.arange(1, count + 1, dtype=torch.float64) / max(count, 1)
    return weights.to(root.dtype).reshape(root.shape)


def _outcome(compute: Callable[[], Any], name: str) -> str:
    seed(name)
    try:
        result = compute()
    except NothingToDifferentiate as error:
        return "skipped {}".format(error)
    except Exception as error:
        return "raised " + error_text(error)
    return fingerprint(result)
