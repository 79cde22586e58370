"""Operations on each element, reductions, and complex numbers."""

import torch

from ..inputs import FLOATS, normal, with_gradients
from ..registry import record, since

UNARY = (
    "abs acos asin atan ceil cos cosh digamma erf erfinv exp expm1 floor lgamma log log10 log1p "
    "log2 reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc"
)


@record("elementwise.unary.{}", each=FLOATS)
def unary(dtype: str) -> object:
    # Outside of a function's domain as well: which NaN comes out is part of the result.
    values = torch.cat(
        [normal(200, dtype=dtype), torch.tensor([0.0, -0.0]).to(normal(1, dtype=dtype))]
    )
    return [getattr(torch, name)(values) for name in UNARY.split()]


@record("elementwise.unary.bfloat16", needs=since("1.9"))
def unary_bfloat16() -> object:
    values = normal(200, dtype="bfloat16")
    return [getattr(torch, name)(values) for name in UNARY.split()]


@record("elementwise.binary")
def binary() -> object:
    left, right = normal(40, 1), normal(1, 33)
    names = "add sub mul div atan2 fmod remainder max min eq ne lt le gt ge"
    return [getattr(torch, name)(left, right) for name in names.split()] + [left.abs().pow(right)]


@record("elementwise.integers")
def integers() -> object:
    left, right = torch.randint(1, 99, (50,)), torch.randint(1, 9, (50,))
    return [left + right, left % right, left * right, left**2, left.float() / right.float()]


@record("elementwise.bitwise", needs=("torch.bitwise_xor", "torch.bitwise_left_shift"))
def bitwise() -> object:
    left, right = torch.randint(-99, 99, (50,)), torch.randint(9, (50,))
    names = ("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift")
    return [getattr(torch, name)(left, right) for name in names] + [torch.bitwise_not(left)]


@record("elementwise.special", needs=("torch.special.bessel_j0", "torch.special.zeta"))
def special() -> object:
    values = normal(100).abs() + 0.5
    names = "bessel_j0 bessel_j1 entr erfcx gammaln i0 i0e i1 i1e log_ndtr ndtri psi sinc"
    results = [getattr(torch.special, name)(values) for name in names.split()]
    both = [
        getattr(torch.special, name)(values, values + 1) for name in ("gammainc", "zeta", "xlogy")
    ]
    return results + both + [torch.special.polygamma(2, values)]


@record("elementwise.clamp")
def clamp() -> object:
    left, right, weight = normal(30), normal(30), torch.rand(30)
    return [
        left.clamp(-0.5, 0.5),
        torch.lerp(left, right, 0.3),
        torch.where(left > right, left, right),
        torch.addcmul(left, weight, right, value=0.5),
        torch.addcdiv(left, right, weight + 1, value=0.5),
    ]


@record("elementwise.complex", needs=("torch.view_as_real", "torch.polar", "torch.complex"))
def complex_numbers() -> object:
    values = normal(100, dtype="complex64")
    names = "abs angle conj cos exp log sin sqrt tanh reciprocal"
    results = [getattr(torch, name)(values) for name in names.split()]
    polar = torch.polar(values.abs(), values.angle())
    return [*results, values * values, values / (values + 1), values.pow(2.5), polar]


@record("elementwise.gradients")
def gradients() -> object:
    names = "sin exp tanh sigmoid erf atan"
    return [with_gradients(getattr(torch, name), normal(40)) for name in names.split()]


@record("reduction.{}", each=FLOATS)
def reductions(dtype: str) -> object:
    values = normal(37, 41, 5, dtype=dtype)
    names = "sum mean std var prod norm logsumexp median max min cumsum cumprod"
    whole = [values.sum(), values.mean(), values.std(), values.norm(), values.norm(1)]
    return whole + [getattr(values, name)(dim=1) for name in names.split()]


@record("reduction.large")
def large() -> object:
    # Beyond the grain from which a sum is split over threads.
    values = normal(1000000)
    return [values.sum(), values.mean(), values.double().var(), values.norm(), values.max()]


@record("reduction.bfloat16", needs=since("1.9"))
def reductions_bfloat16() -> object:
    values = normal(37, 410, dtype="bfloat16")
    return [values.sum(), values.mean(0), values.var(1), values.amax(1), values.cumsum(1)]


@record("reduction.logical", needs=("torch.any", "torch.count_nonzero", "torch.nansum"))
def logical() -> object:
    values = normal(20, 30)
    values[values > 1.5] = float("nan")
    flags = values > 0
    return [
        flags.any(0),
        flags.all(1),
        values.isnan(),
        values.nansum(0),
        values.nanmedian(1),
        torch.count_nonzero(flags, dim=0),
        values.nan_to_num(0.5),
    ]
