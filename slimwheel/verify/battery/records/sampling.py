"""Seeded random numbers: generators, distributions, initialisation."""

import torch

from ..digest import digest
from ..registry import record, since

DISTRIBUTIONS = {
    "Bernoulli": (0.3,),
    "Beta": (2.0, 3.0),
    "Binomial": (10, 0.4),
    "Categorical": ([0.2, 0.5, 0.3],),
    "Cauchy": (0.0, 1.0),
    "Chi2": (3.0,),
    "Dirichlet": ([1.0, 2.0, 3.0],),
    "Exponential": (1.5,),
    "Gamma": (2.0, 1.5),
    "Geometric": (0.3,),
    "Gumbel": (0.0, 1.0),
    "Laplace": (0.0, 1.0),
    "LogNormal": (0.0, 1.0),
    "Multinomial": (10, [0.2, 0.5, 0.3]),
    "MultivariateNormal": ([0.0, 1.0], [[2.0, 0.5], [0.5, 1.0]]),
    "Normal": (0.0, 1.0),
    "Pareto": (1.0, 2.0),
    "Poisson": (4.0,),
    "StudentT": (3.0,),
    "Uniform": (-1.0, 2.0),
    "VonMises": (0.0, 2.0),
    "Weibull": (1.0, 2.0),
}


@record("random.distribution.{}", each=tuple(DISTRIBUTIONS), needs="torch.distributions.{}")
def distribution(name: str) -> object:
    # An int is a count, which some of the constructors want as it is.
    arguments = [
        value if isinstance(value, int) else torch.tensor(value) for value in DISTRIBUTIONS[name]
    ]
    chosen = getattr(torch.distributions, name)(*arguments)
    drawn = chosen.sample() if name == "Multinomial" else chosen.sample((50,))
    return [drawn, chosen.log_prob(drawn)]


@record("random.tensors.{}", each=("float32", "float64"))
def tensors(dtype: str) -> object:
    kind = getattr(torch, dtype)
    empty = torch.zeros(500, dtype=kind)
    methods = {
        "normal_": (1.0, 2.0),
        "uniform_": (-1.0, 1.0),
        "exponential_": (0.7,),
        "cauchy_": (),
        "log_normal_": (),
        "geometric_": (0.2,),
        "bernoulli_": (0.4,),
        "random_": (100,),
    }
    drawn = [torch.rand(500, dtype=kind), torch.randn(500, dtype=kind), torch.randn(7, dtype=kind)]
    return drawn + [getattr(empty.clone(), name)(*args) for name, args in methods.items()]


@record("random.integers")
def integers() -> object:
    return [torch.randint(-9, 9, (500,)), torch.randperm(1000), torch.randperm(5)]


@record("random.choice")
def choice() -> object:
    weights = torch.rand(4, 30)
    return [
        torch.multinomial(weights, 20),
        torch.multinomial(weights, 50, replacement=True),
        torch.bernoulli(weights),
        torch.poisson(weights * 5) if hasattr(torch, "poisson") else None,
    ]


@record("random.half", needs=since("1.9"))
def half() -> object:
    kinds = (torch.bfloat16, torch.float16, torch.complex64)
    return [torch.randn(300, dtype=kind) for kind in kinds]


@record("random.large")
def large() -> object:
    # From a certain length on, normal values come from a vectorised kernel.
    return [torch.randn(100000), torch.rand(100000)]


@record("random.generator", needs="torch.Generator.seed")
def generator() -> object:
    own = torch.Generator()
    own.manual_seed(7)
    first = torch.rand(9, generator=own)
    state = own.get_state()
    second = torch.randperm(9, generator=own)
    own.set_state(state)
    return [first, second, torch.randperm(9, generator=own), own.initial_seed(), state]


@record("random.state")
def state() -> object:
    before = torch.get_rng_state()
    drawn = torch.rand(5)
    with torch.random.fork_rng(devices=[]):
        torch.rand(3)
    after = torch.rand(5)
    torch.set_rng_state(before)
    return [before, drawn, after, digest(drawn) == digest(torch.rand(5))]


@record("random.dropout")
def dropout() -> object:
    values = torch.ones(20, 6, 4)
    functional = torch.nn.functional
    names = ("dropout", "alpha_dropout", "dropout2d", "feature_alpha_dropout")
    return [getattr(functional, name)(values, 0.3, True) for name in names]


@record("random.gumbel_softmax")
def gumbel_softmax() -> object:
    return torch.nn.functional.gumbel_softmax(torch.randn(5, 6), tau=0.7, hard=False)


@record("random.initialization")
def initialization() -> object:
    init = torch.nn.init
    names = "uniform_ normal_ xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_"
    drawn = [getattr(init, name)(torch.empty(13, 17)) for name in names.split()]
    return [*drawn, init.orthogonal_(torch.empty(9, 9)), init.sparse_(torch.empty(9, 9), 0.3)]


@record("random.truncated_normal", needs="torch.nn.init.trunc_normal_")
def truncated_normal() -> object:
    return torch.nn.init.trunc_normal_(torch.empty(13, 17), std=0.5)


@record("random.quasi", needs="torch.quasirandom.SobolEngine")
def quasi() -> object:
    return [
        torch.quasirandom.SobolEngine(5).draw(40),
        torch.quasirandom.SobolEngine(5, scramble=True, seed=3).draw(40),
    ]
