"""Sparse, nested and masked tensors."""

from typing import Any

import torch

from ..inputs import normal, with_gradients
from ..registry import record, since


def coordinates(dense: Any) -> Any:
    """A sparse tensor of the elements that are positive."""
    places = (dense > 0).nonzero().t()
    return torch.sparse_coo_tensor(places, dense[tuple(places)], dense.shape)


@record("sparse.coo")
def coo() -> object:
    left, right = coordinates(normal(9, 7)), coordinates(normal(9, 7))
    doubled = torch.sparse_coo_tensor(torch.tensor([[1, 1, 0], [2, 2, 1]]), normal(3), (3, 4))
    return [(left + right).coalesce(), left.to_dense(), left.t().coalesce(), doubled.coalesce()]


@record("sparse.matmul")
def matmul() -> object:
    matrix = coordinates(normal(9, 7))
    return [
        torch.sparse.mm(matrix, normal(7, 5)),
        torch.sparse.addmm(normal(9, 5), matrix, normal(7, 5)),
    ]


@record("sparse.gradients")
def gradients() -> object:
    matrix = coordinates(normal(9, 7))
    return with_gradients(lambda dense: torch.sparse.mm(matrix, dense), normal(7, 5))


@record("sparse.reductions", needs=("torch.sparse.softmax", "torch.sparse.sum"))
def reductions() -> object:
    matrix = coordinates(normal(9, 7))
    return [
        torch.sparse.softmax(matrix, 1),
        torch.sparse.sum(matrix, 0),
        (matrix * matrix).coalesce(),
    ]


@record("sparse.product", needs=since("1.8"))
def product() -> object:
    return torch.sparse.mm(coordinates(normal(9, 7)), coordinates(normal(7, 8)))


@record("sparse.csr", needs=("torch.sparse_csr_tensor", since("1.13")))
def csr() -> object:
    matrix = normal(9, 7).clamp(min=0).to_sparse_csr()
    return [matrix, matrix.matmul(normal(7, 5)), matrix.to_sparse_csc(), matrix.to_dense()]


@record("sparse.bsr", needs=("torch.sparse_bsr_tensor", since("2.0")))
def bsr() -> object:
    matrix = normal(8, 6).clamp(min=0).to_sparse_bsr((2, 2))
    return [matrix, matrix.matmul(normal(6, 5))]


@record("sparse.embedding")
def embedding() -> object:
    layer = torch.nn.Embedding(20, 4, sparse=True)
    layer(torch.tensor([3, 1, 3, 7])).pow(2).sum().backward()
    return [layer.weight.grad, layer.weight.grad.coalesce()]


@record("nested.tensors", needs=("torch.nested.nested_tensor", since("2.0")))
def nested() -> object:
    ragged = torch.nested.nested_tensor([normal(3, 5), normal(6, 5)])
    linear = torch.nn.Linear(5, 4)
    with torch.no_grad():
        return [linear(ragged), torch.nested.to_padded_tensor(ragged, -1.0), torch.relu(ragged)]


@record("nested.jagged", needs=since("2.5"))
def jagged() -> object:
    ragged = torch.nested.nested_tensor([normal(3, 5), normal(6, 5)], layout=torch.jagged)
    return [
        list((ragged * 2).unbind()),
        ragged.values(),
        ragged.offsets(),
        torch.sum(ragged, -1).values(),
    ]


@record("masked.tensors", needs=("torch.masked.softmax", "torch.masked.sum"))
def masked() -> object:
    values = normal(6, 8)
    mask = values > -0.5
    names = ("sum", "mean", "amax", "var", "softmax", "logsumexp")
    return [getattr(torch.masked, name)(values, 1, mask=mask) for name in names]
