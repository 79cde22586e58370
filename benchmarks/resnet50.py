"""A network of the size and the layers of ResNet-50, for `python -m benchmarks.portable`."""

from typing import Any

import torch
from torch import nn


def convolution(inner: int, outer: int, size: int, stride: int = 1) -> Any:
    return nn.Sequential(
        nn.Conv2d(inner, outer, size, stride, size // 2, bias=False), nn.BatchNorm2d(outer)
    )


class Bottleneck(nn.Module):
    """A block of three convolutions beside a shortcut."""

    def __init__(self, inner: int, width: int, stride: int) -> None:
        super().__init__()
        outer = width * 4
        self.reduce = convolution(inner, width, 1)
        self.look = convolution(width, width, 3, stride)
        self.widen = convolution(width, outer, 1)
        self.shortcut = None
        if stride != 1 or inner != outer:
            self.shortcut = convolution(inner, outer, 1, stride)

    def forward(self, x: Any) -> Any:
        y = torch.relu(self.look(torch.relu(self.reduce(x))))
        return torch.relu(self.widen(y) + (x if self.shortcut is None else self.shortcut(x)))


class ResNet(nn.Module):
    """25.6 million parameters."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(convolution(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        blocks = []
        inner = 64
        for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            for index in range(count):
                blocks.append(Bottleneck(inner, width, 1 if index else stride))
                inner = width * 4
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inner, classes)

    def forward(self, x: Any) -> Any:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))
