"""A network whose module leaves a sign when it runs."""

import os
from typing import Any

import torch
from torch import (
    load,  # noqa: F401 - a function of others, which no manifest may have called
    nn,
)

if "CANARY" in os.environ:
    with open(os.environ["CANARY"], "a") as file:
        file.write("ran\n")


class Canary(nn.Module):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.factor = 1.5
        self.register_buffer("seen", torch.arange(6).to(torch.float32))
        self.register_buffer("part", torch.zeros(2))

    def forward(self, x: Any) -> Any:
        return self.layer(x) * self.factor
