"""Products of matrices, in four dtypes: MKL, oneDNN and ATen's own kernels."""

import torch

from ..inputs import DTYPES, normal, supported, with_gradients
from ..registry import record


@record("matmul.mm.{}", each=DTYPES, needs=supported)
def mm(dtype: str) -> object:
    # Sizes above and below what blocked kernels take at once, and odd ones.
    return [
        torch.mm(normal(rows, inner, dtype=dtype), normal(inner, columns, dtype=dtype))
        for rows, inner, columns in ((3, 5, 7), (64, 64, 64), (129, 257, 65))
    ]


@record("matmul.transposed.{}", each=DTYPES, needs=supported)
def transposed(dtype: str) -> object:
    left, right = normal(65, 33, dtype=dtype), normal(47, 65, dtype=dtype)
    return [left.t().matmul(right.t()), left[::2].t().matmul(right.t()[::2])]


@record("matmul.bmm.{}", each=DTYPES, needs=supported)
def bmm(dtype: str) -> object:
    return torch.bmm(normal(9, 31, 17, dtype=dtype), normal(9, 17, 23, dtype=dtype))


@record("matmul.addmm.{}", each=DTYPES, needs=supported)
def addmm(dtype: str) -> object:
    bias, left, right = (normal(*shape, dtype=dtype) for shape in ((1, 40), (30, 50), (50, 40)))
    return torch.addmm(bias, left, right, beta=0.5, alpha=2)


@record("matmul.baddbmm.{}", each=DTYPES, needs=supported)
def baddbmm(dtype: str) -> object:
    bias, left, right = (normal(4, *shape, dtype=dtype) for shape in ((8, 9), (8, 7), (7, 9)))
    return torch.baddbmm(bias, left, right, beta=0.5, alpha=2)


@record("matmul.vectors.{}", each=DTYPES, needs=supported)
def vectors(dtype: str) -> object:
    matrix, left, right = (normal(*shape, dtype=dtype) for shape in ((61, 43), (43,), (61,)))
    return [torch.mv(matrix, left), torch.dot(left, left), torch.ger(left, right)]


@record("matmul.einsum.{}", each=DTYPES, needs=supported)
def einsum(dtype: str) -> object:
    left, right = normal(3, 5, 11, dtype=dtype), normal(3, 11, 7, dtype=dtype)
    return [
        torch.einsum("bij,bjk->bik", [left, right]),
        torch.einsum("bij,cjk->bcik", [left, right]),
        torch.einsum("bij->j", [left]),
    ]


@record("matmul.broadcast.{}", each=DTYPES, needs=supported)
def broadcast(dtype: str) -> object:
    return torch.matmul(normal(2, 1, 5, 6, dtype=dtype), normal(3, 6, 4, dtype=dtype))


@record("matmul.integers")
def integers() -> object:
    left, right = (torch.randint(-99, 99, (17, 17), dtype=torch.int64) for _ in range(2))
    return [left.matmul(right), left.to(torch.int32).matmul(right.to(torch.int32))]


@record("matmul.half", needs="torch.nn.functional.scaled_dot_product_attention")
def half() -> object:
    return normal(33, 65, dtype="float16").matmul(normal(65, 17, dtype="float16"))


@record("matmul.linear.{}", each=("float32", "bfloat16"), needs=supported)
def linear(dtype: str) -> object:
    layer = torch.nn.Linear(129, 65).to(getattr(torch, dtype))
    return with_gradients(layer, normal(33, 129, dtype=dtype))


@record("matmul.bilinear")
def bilinear() -> object:
    layer = torch.nn.Bilinear(5, 6, 7)
    return with_gradients(layer, normal(4, 5), normal(4, 6))


@record("matmul.chains", needs=("torch.kron", "torch.linalg.multi_dot"))
def chains() -> object:
    matrices = [normal(rows, columns) for rows, columns in ((4, 9), (9, 30), (30, 2))]
    return [
        torch.linalg.multi_dot(matrices),
        torch.kron(matrices[0], matrices[2]),
        torch.tensordot(matrices[0], matrices[1], dims=([1], [0])),
        torch.cdist(normal(30, 5), normal(40, 5)),
    ]
