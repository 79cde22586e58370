"""A network of layers that every torch has, with imports of every form."""

from typing import Any

import networks.constants
import networks.parts.blocks as blocks
import torch
from networks.constants import CLASSES
from torch import nn

from . import parts
from .parts import Residual
from .parts.blocks import Residual as Same


class Classifier(nn.Module):
    def __init__(self, channels: int = 8, depth: int = 2, classes: int = CLASSES) -> None:
        from networks.parts import Residual as once_more

        super().__init__()
        assert Residual is Same is blocks.Residual is parts.Residual is once_more
        assert networks.constants.CLASSES == CLASSES
        self.stem = nn.Conv2d(3, channels, 3, stride=2, padding=1)
        self.body = nn.Sequential(*[Residual(channels) for _ in range(depth)])
        self.recurrent = nn.LSTM(channels, channels, batch_first=True)
        self.head = nn.Linear(channels, classes)
        self.register_buffer("scale", torch.linspace(0.5, 1.5, channels))

    def forward(self, x: Any) -> Any:
        x = self.body(torch.relu(self.stem(x)))
        x = x * self.scale.view(1, -1, 1, 1)
        x, _ = self.recurrent(x.flatten(2).transpose(1, 2))
        return self.head(x.mean(1))
