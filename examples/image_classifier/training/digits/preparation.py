"""From pixels, as they are stored, to what the network learns from."""

import torch
from torch import Tensor, nn

SIZE = 8


class Standardize(nn.Module):
    """Shifts and scales pixels. Mean and deviation are buffers: they are saved with the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))

    def fit(self, images: Tensor) -> None:
        """Takes mean and deviation of the images to train with."""
        self.mean.copy_(images.mean())
        self.deviation.copy_(images.std())

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[1:] != (SIZE, SIZE):
            raise ValueError(f"images of {SIZE} x {SIZE} pixels, not {tuple(images.shape[1:])}")
        return ((images - self.mean) / self.deviation).unsqueeze(1)
