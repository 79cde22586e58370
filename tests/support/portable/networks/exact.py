"""A network of small whole numbers: no order of additions rounds, so every torch agrees."""

from typing import Any

import torch
from torch import nn
from torch_ergonomics import portable


@portable
class Exact(nn.Module):
    def __init__(self, channels: int, words: int = 7) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(1, channels, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.embed = nn.Embedding(words, channels)
        self.head = nn.Linear(channels * 4, 5)
        self.register_buffer("offset", torch.arange(channels).to(torch.float32) - 2)
        for position, parameter in enumerate(self.parameters()):
            count = parameter.numel()
            values = torch.arange(count) * (position * 2 + 3) % 7 - 3
            parameter.data = values.to(parameter.dtype).reshape(parameter.shape)

    def forward(self, picture: Any, word: Any) -> Any:
        x = self.pool(torch.relu(self.convolve(picture)))
        x = x + (self.embed(word) + self.offset).unsqueeze(2).unsqueeze(3)
        return self.head(x.reshape(x.shape[0], -1))
