"""How much of PyTorch's operator database is run."""

from collections.abc import Mapping
from typing import Literal

Level = Literal["quick", "all", "exhaustive"]
# How many samples of each operator in each dtype; quick takes two dtypes of each operator.
SAMPLES: Mapping[Level, int | None] = {"quick": 4, "all": 8, "exhaustive": None}
