"""Networks whose tensors share memory, are of odd types or orders, or are not all saved."""

from typing import Any

import torch
from torch import nn


class Tied(nn.Module):
    def __init__(self, words: int = 11, size: int = 6) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, size)
        self.decode = nn.Linear(size, words, bias=False)
        self.decode.weight = self.embed.weight
        self.seen = [self.embed.weight]
        block = nn.Linear(size, size)
        self.twice = nn.Sequential(block, nn.Tanh(), block)

    def forward(self, x: Any) -> Any:
        return self.decode(self.twice(self.embed(x)))


class Untied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(3, 3)
        self.two = nn.Linear(3, 3)


class Views(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("whole", torch.zeros(10))
        self.register_buffer("part", torch.zeros(4))
        self.register_buffer("every_second", torch.zeros(5))
        self.register_buffer("apart", torch.zeros(2))


class Typed(nn.Module):
    def __init__(self, **buffers: Any) -> None:
        super().__init__()
        for name, value in buffers.items():
            self.register_buffer(name, value)
        self.register_buffer("later", None)


class Derives(nn.Module):
    """Keeps what follows from its first weights."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        nn.init.constant_(self.layer.weight, 3.0)
        self.norm = float(self.layer.weight.detach().sum())

    def forward(self, x: Any) -> Any:
        return self.layer(x) * self.norm


class Plain(nn.Module):
    def __init__(self, size: int = 5) -> None:
        super().__init__()
        self.layer = nn.Linear(size, size)
        self.dropout = nn.Dropout(0.25)
        self.threshold = 0.5

    def forward(self, x: Any) -> Any:
        return self.dropout(self.layer(x)) * self.threshold


class ExtraState(nn.Module):
    """Has in its state what is no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.seen = None  # type: Any

    def get_extra_state(self) -> Any:
        return self.seen

    def set_extra_state(self, state: Any) -> None:
        self.seen = state


def make(size: int) -> Any:
    return Plain(size)


class Fails(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x: Any) -> Any:
        raise ValueError("nothing fits")  # this line is to be seen


class Items:
    """A data set."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        return torch.tensor([float(index)])
