"""Order, selection and movement of elements."""

import torch

from ..inputs import normal, with_gradients
from ..registry import record, since


@record("sort.values.{}", each=("float32", "float64", "int64"))
def sort(dtype: str) -> object:
    values = torch.randperm(3000).to(getattr(torch, dtype)).reshape(30, 100)
    return [values.sort(1), values.sort(0, descending=True), values.argsort(1)]


@record("sort.stable", needs=since("1.9"))
def stable() -> object:
    values = torch.randint(9, (400,))
    return [torch.sort(values, stable=True), torch.sort(values, stable=True, descending=True)]


@record("sort.topk")
def topk() -> object:
    values = torch.randperm(3000).float().reshape(30, 100)
    return [values.topk(7, 1), values.topk(7, 0, largest=False), values.kthvalue(5, 1)]


@record("sort.unique", needs="torch.unique_consecutive")
def unique() -> object:
    values = torch.randint(20, (12, 5))
    return [
        torch.unique(values, return_inverse=True, return_counts=True),
        torch.unique(values, dim=0, return_inverse=True),
        torch.unique_consecutive(values.flatten(), return_counts=True),
    ]


@record("sort.search", needs=("torch.searchsorted", "torch.bucketize", "torch.isin"))
def search() -> object:
    edges = torch.arange(0, 50, 3)
    values = torch.randint(60, (40,))
    return [
        torch.searchsorted(edges, values, right=True),
        torch.bucketize(values, edges),
        torch.isin(values, edges),
    ]


@record("index.advanced")
def advanced() -> object:
    values = normal(10, 11, 12)
    rows, columns = torch.randint(10, (7, 1)), torch.randint(12, (5,))
    changed = values.clone()
    changed[rows, :, columns] = 1.0
    return [values[rows, :, columns], values[values > 1], values[..., 1::3, None], changed]


@record("index.gradients")
def gradients() -> object:
    rows, columns = torch.randint(10, (30,)), torch.randint(6, (30,))
    return [
        with_gradients(lambda x: x[rows, columns], normal(10, 6)),
        with_gradients(lambda x: x.index_select(0, rows), normal(10, 6)),
        with_gradients(lambda x: x.gather(1, columns[:10, None]), normal(10, 6)),
    ]


@record("index.add_copy_fill")
def add_copy_fill() -> object:
    values, rows = normal(10, 6), torch.tensor([4, 1, 4, 9])
    unique_rows = torch.tensor([3, 0, 7, 5])
    return [
        values.clone().index_add_(0, rows, normal(4, 6)),
        values.clone().index_copy_(0, unique_rows, normal(4, 6)),
        values.clone().index_fill_(0, rows, 2.5),
        values.clone().index_put_((rows,), normal(4, 6), accumulate=True),
        values.take(torch.tensor([0, 59, 7])),
    ]


@record("index.scatter")
def scatter() -> object:
    places = torch.randint(10, (4, 6))
    base, source = normal(10, 6), normal(4, 6)
    once = torch.stack([torch.randperm(10)[:4] for _ in range(6)], 1)
    return [base.scatter(0, once, source), base.scatter_add(0, places, source)]


@record("index.scatter_reduce", needs="torch.scatter_reduce")
def scatter_reduce() -> object:
    places = torch.randint(10, (40, 6))
    base, source = normal(10, 6), normal(40, 6)
    kinds = ("sum", "prod", "mean", "amax", "amin")
    return [base.scatter_reduce(0, places, source, kind) for kind in kinds]


@record("index.masks")
def masks() -> object:
    values = normal(9, 8)
    mask = (values > 0).to(getattr(torch, "bool", torch.uint8))
    return [
        values.masked_select(mask),
        values.masked_fill(mask, -1.0),
        values.clone().masked_scatter_(mask, normal(72)),
        mask.nonzero(),
        values.triu(1),
        values.tril(-1),
        values.diag(),
    ]


@record("index.movement", needs=("torch.roll", "torch.rot90", "torch.repeat_interleave"))
def movement() -> object:
    values = normal(4, 6, 5)
    return [
        values.roll(2, 1),
        values.flip([0, 2]),
        values.rot90(1, (0, 1)),
        values.permute(2, 0, 1),
        values.repeat(1, 2, 1),
        torch.repeat_interleave(values, 3, 0),
        torch.stack(values.chunk(3, 1)),
        torch.cat(values.split(1)[::-1]),
        torch.nn.functional.pad(values, (1, 2, 0, 1), value=0.5),
    ]


@record("index.histograms")
def histograms() -> object:
    values = torch.randint(12, (300,))
    return [values.bincount(), torch.histc(normal(300), 17, -2, 2), values.mode()]


@record(
    "index.combinations", needs=("torch.combinations", "torch.cartesian_prod", "torch.meshgrid")
)
def combinations() -> object:
    values = torch.arange(5)
    return [
        torch.combinations(values, 3),
        torch.cartesian_prod(values, values),
        torch.tril_indices(4, 5),
    ]
