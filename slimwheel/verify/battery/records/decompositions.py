"""Linear algebra: LAPACK behind torch.linalg."""

from typing import Any

import torch

from ..inputs import FLOATS, normal, symmetric, with_gradients
from ..registry import record

DTYPES = (*FLOATS, "complex64")


def square(dtype: str, size: int = 12) -> Any:
    return normal(3, size, size, dtype=dtype) + 5 * torch.eye(size, dtype=getattr(torch, dtype))


@record("linalg.solve.{}", each=DTYPES, needs="torch.linalg.solve")
def solve(dtype: str) -> object:
    matrices, right = square(dtype), normal(3, 12, 4, dtype=dtype)
    return [torch.linalg.solve(matrices, right), torch.linalg.inv(matrices)]


@record("linalg.svd.{}", each=DTYPES, needs="torch.linalg.svd")
def svd(dtype: str) -> object:
    matrix = normal(14, 9, dtype=dtype)
    return [tuple(torch.linalg.svd(matrix)), torch.linalg.svdvals(matrix)]


@record("linalg.qr.{}", each=DTYPES, needs="torch.linalg.qr")
def qr(dtype: str) -> object:
    matrix = normal(14, 9, dtype=dtype)
    return [tuple(torch.linalg.qr(matrix, mode)) for mode in ("reduced", "complete", "r")]


@record("linalg.cholesky.{}", each=FLOATS, needs="torch.linalg.cholesky")
def cholesky(dtype: str) -> object:
    factor = torch.linalg.cholesky(symmetric(12, dtype))
    return [
        factor,
        torch.cholesky_inverse(factor),
        torch.cholesky_solve(normal(12, 2, dtype=dtype), factor),
    ]


@record("linalg.eigh.{}", each=DTYPES, needs="torch.linalg.eigh")
def eigh(dtype: str) -> object:
    matrix = normal(12, 12, dtype=dtype)
    matrix = matrix + matrix.transpose(0, 1).conj()
    return [tuple(torch.linalg.eigh(matrix)), torch.linalg.eigvalsh(matrix)]


@record("linalg.eig.{}", each=FLOATS, needs="torch.linalg.eig")
def eig(dtype: str) -> object:
    return tuple(torch.linalg.eig(normal(12, 12, dtype=dtype)))


@record("linalg.lu", needs="torch.linalg.lu_factor")
def lu() -> object:
    factors, pivots = torch.linalg.lu_factor(square("float64"))
    return [
        factors,
        pivots,
        torch.linalg.lu_solve(factors, pivots, normal(3, 12, 2, dtype="float64")),
    ]


@record("linalg.determinant", needs="torch.linalg.slogdet")
def determinant() -> object:
    return [torch.linalg.det(square("float64")), tuple(torch.linalg.slogdet(square("float32")))]


@record("linalg.pinv", needs=("torch.linalg.pinv", "torch.linalg.matrix_rank"))
def pinv() -> object:
    matrix = normal(14, 9, dtype="float64")
    return [torch.linalg.pinv(matrix), torch.linalg.matrix_rank(matrix)]


@record("linalg.norms", needs=("torch.linalg.cond", "torch.linalg.vector_norm"))
def norms() -> object:
    matrix = normal(9, 9)
    kinds = ("fro", "nuc", 1, 2, -2)
    return [
        [torch.linalg.matrix_norm(matrix, kind) for kind in kinds],
        [torch.linalg.vector_norm(matrix, kind) for kind in (0, 1, 2, 3.5)],
        torch.linalg.cond(matrix),
    ]


@record("linalg.powers", needs=("torch.matrix_exp", "torch.linalg.matrix_power"))
def powers() -> object:
    matrix = normal(2, 7, 7) / 3
    return [
        torch.matrix_exp(matrix),
        torch.linalg.matrix_power(matrix, 5),
        torch.linalg.matrix_power(matrix + torch.eye(7), -2),
    ]


@record("linalg.triangular", needs="torch.linalg.solve_triangular")
def triangular() -> object:
    matrix = square("float64").triu()
    return torch.linalg.solve_triangular(matrix, normal(3, 12, 2, dtype="float64"), upper=True)


@record("linalg.householder", needs="torch.geqrf")
def householder() -> object:
    factors, scales = torch.geqrf(normal(9, 5))
    return [factors, scales, torch.orgqr(factors, scales)]


@record("linalg.gradients", needs=("torch.linalg.eigh", "torch.linalg.svd"))
def gradients() -> object:
    matrix = symmetric(6)
    functions = [torch.linalg.inv, torch.linalg.det, torch.linalg.cholesky, torch.linalg.svdvals]
    return [with_gradients(function, matrix) for function in functions]


@record(
    "linalg.lstsq",
    needs="torch.linalg.lstsq",
    unstable="LAPACK's result varies in the last bits between two runs of one torch",
)
def lstsq() -> object:
    return torch.linalg.lstsq(normal(14, 9), normal(14, 2)).solution


@record("linalg.lowrank", needs=("torch.svd_lowrank", "torch.lobpcg"))
def lowrank() -> object:
    return [
        tuple(torch.svd_lowrank(normal(20, 15), 4)),
        tuple(torch.pca_lowrank(normal(20, 15), 4)),
    ]
