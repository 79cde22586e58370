from typing import Any

import torch
import torch.nn.functional as functional
from torch import nn


class Residual(nn.Module):
    """A block of a residual network, as layers were in torch 1.0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Any) -> Any:
        return functional.relu(x + self.second(torch.relu(self.norm(self.first(x)))))
