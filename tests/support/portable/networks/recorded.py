"""Networks that remember what they were constructed with."""

import collections
import enum
from typing import Any, Dict, List, Optional

import torch
from torch import nn
from torch_ergonomics import Portable, portable


@portable
class Decorated(nn.Module):
    def __init__(self, sizes: List[int], activation: Any = torch.relu, **more: Any) -> None:
        super().__init__()
        self.more = more
        self.activation = activation
        inner = sizes.pop(0)
        self.layers = nn.ModuleList()
        for size in sizes:
            self.layers.append(nn.Linear(inner, size))
            inner = size

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = self.activation(layer(x))
        return x


class Derived(Portable, nn.Module):
    def __init__(self, *parts: Any, weights: Any = None, names: Optional[Dict[Any, str]] = None):
        super().__init__()
        self.parts = nn.Sequential(*parts)
        self.names = names
        self.weights = weights

    def forward(self, x: Any) -> Any:
        return self.parts(x) * self.weights


class DerivedFurther(Derived):
    def __init__(self, size: int) -> None:
        super().__init__(Decorated([size, size]), weights=torch.ones(size))


@portable
class Fails(nn.Module):
    """Its constructor raises where it is loaded."""

    def __init__(self) -> None:
        super().__init__()
        if __name__ != "networks.recorded":
            raise KeyError("nothing is found here")


class Flag(enum.Flag):
    ONE = 1
    TWO = 2


Pair = collections.namedtuple("Pair", "a b")
