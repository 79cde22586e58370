"""The classifier."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch_ergonomics import portable

from .layers import Residual, convolution
from .preparation import Standardize


@portable
class Classifier(nn.Module):
    """Says which of its labels an image shows.

    Args:
        labels: of the classes, in their order.
        channels: of the first layers; those behind have twice as many.
    """

    def __init__(self, labels: Sequence[str], channels: int = 16) -> None:
        super().__init__()
        self.labels = list(labels)
        self.standardize = Standardize()
        self.body = nn.Sequential(
            convolution(1, channels),
            nn.ReLU(),
            Residual(channels),
            convolution(channels, 2 * channels, stride=2),
            nn.ReLU(),
            Residual(2 * channels),
        )
        self.head = nn.Linear(2 * channels, len(self.labels))

    def forward(self, images: Tensor) -> Tensor:
        """Images, as (number, 8, 8) from 0 to 16, give logits, as (number, labels)."""
        return self.head(self.body(self.standardize(images)).mean((2, 3)))
