"""What the network is built of."""

from torch import Tensor, nn
from torch.nn.functional import relu


class Residual(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return relu(x + self.second(relu(self.first(x))))


def convolution(inner: int, outer: int, stride: int = 1) -> nn.Sequential:
    """A convolution of 3 x 3 with batch normalization."""
    return nn.Sequential(
        nn.Conv2d(inner, outer, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outer)
    )
