"""Trains the classifier on scikit-learn's digits, and saves it with its source.

    python train.py ../serving

writes digits.zip, the portable model, and held_out.json, images that it was not trained with.
"""

import argparse
import json
from pathlib import Path

import torch
from digits import Classifier
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch_ergonomics import save_portable

SEED = 7
EPOCHS = 12
BATCH = 64
LEARNING_RATE = 1e-2


def train(network: Classifier, images: Tensor, labels: Tensor) -> None:
    """Trains a network, and leaves it in evaluation mode."""
    network.standardize.fit(images)
    steps = EPOCHS * -(-len(images) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()
            schedule.step()
    network.eval()


def accuracy(network: Classifier, images: Tensor, labels: Tensor) -> float:
    """The share of images that are read right."""
    with torch.no_grad():
        right = network(images).argmax(1) == labels
    return float(right.float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path, help="the directory to write to")
    output = parser.parse_args().output

    # The network is small: threads would wait for each other.
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32)
    labels = torch.tensor(data.target)
    training, held_out = train_test_split(
        torch.arange(len(images)), test_size=0.2, stratify=data.target, random_state=SEED
    )

    network = Classifier([str(name) for name in data.target_names])
    train(network, images[training], labels[training])
    share = accuracy(network, images[held_out], labels[held_out])
    print(f"accuracy: {share:.1%} of {len(held_out)} held-out images")

    # Loads the archive in a process that does not see this directory, and compares the outputs.
    model = save_portable(network, "digits", output / "digits.zip", example=images[held_out])
    print(f"saved and verified: {model}, {model.stat().st_size / 1e3:.0f} kB")
    right = {
        "images": images[held_out].int().tolist(),
        "labels": [network.labels[number] for number in labels[held_out]],
    }
    (output / "held_out.json").write_text(json.dumps(right))


if __name__ == "__main__":
    main()
