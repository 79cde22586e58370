"""An algorithm that reads hand-written digits: JSON in, JSON out.

It knows the model's archive and nothing of the source that is in it.
"""

from pathlib import Path
from typing import Any

import torch
from torch_ergonomics import load_portable

# Once for all calls of a process.
MODEL = load_portable(Path(__file__).with_name("digits.zip"))


def apply(data: dict[str, Any]) -> dict[str, Any]:
    """{"pixels": 8 rows of 8 numbers from 0 to 16} gives {"class": "3", "probabilities": {...}}."""
    with torch.inference_mode():
        logits = MODEL(torch.tensor([data["pixels"]], dtype=torch.float32))[0]
    probabilities = dict(zip(MODEL.labels, logits.softmax(0).tolist(), strict=True))
    return {"class": MODEL.labels[logits.argmax()], "probabilities": probabilities}
