"""Optimizers, several steps each, and what goes with them."""

from typing import Any

import torch

from ..inputs import normal, parameters
from ..registry import record, since

OPTIONS: Any = {
    "ASGD": {},
    "Adadelta": {},
    "Adafactor": {},
    "Adagrad": {"lr_decay": 0.1},
    "Adam": {"weight_decay": 0.01, "amsgrad": True},
    "AdamW": {"lr": 0.01},
    "Adamax": {},
    "LBFGS": {"lr": 0.1, "max_iter": 5},
    "NAdam": {},
    "RAdam": {},
    "RMSprop": {"momentum": 0.9, "centered": True},
    "Rprop": {},
    "SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True},
}


def train(model: Any, optimizer: Any, steps: int = 5) -> object:
    """Losses and parameters of a few steps on made-up data."""
    inputs, targets = normal(16, 8), normal(16, 3)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        return loss

    losses = [optimizer.step(closure) for _ in range(steps)]
    return [losses, parameters(model)]


def network() -> Any:
    return torch.nn.Sequential(torch.nn.Linear(8, 12), torch.nn.Tanh(), torch.nn.Linear(12, 3))


@record("optimizer.{}", each=tuple(OPTIONS), needs="torch.optim.{}")
def optimizer(name: str) -> object:
    model = network()
    return train(model, getattr(torch.optim, name)(model.parameters(), **OPTIONS[name]))


@record("optimizer.fused.{}", each=("SGD", "Adam", "AdamW", "Adagrad"), needs=since("2.4"))
def fused(name: str) -> object:
    model = network()
    return train(model, getattr(torch.optim, name)(model.parameters(), lr=0.01, fused=True))


@record("optimizer.foreach", needs=since("2.0"))
def foreach() -> object:
    model = network()
    return train(model, torch.optim.Adam(model.parameters(), foreach=True))


@record("optimizer.sparse")
def sparse() -> object:
    model = torch.nn.Embedding(20, 4, sparse=True)
    chosen = torch.optim.SparseAdam(list(model.parameters()))
    for _ in range(3):
        chosen.zero_grad()
        model(torch.randint(20, (7,))).pow(2).sum().backward()
        chosen.step()
    return parameters(model)


@record("optimizer.schedules")
def schedules() -> object:
    rates = []
    for name, arguments in (
        ("StepLR", (2, 0.5)),
        ("ExponentialLR", (0.9,)),
        ("CosineAnnealingLR", (5,)),
        ("MultiStepLR", ([2, 4], 0.3)),
    ):
        chosen = torch.optim.SGD(network().parameters(), lr=0.1)
        schedule = getattr(torch.optim.lr_scheduler, name)(chosen, *arguments)
        for _ in range(6):
            chosen.step()
            schedule.step()
            rates.append(chosen.param_groups[0]["lr"])
    return rates


@record("optimizer.clipping")
def clipping() -> object:
    model = network()
    model(normal(5, 8)).pow(2).sum().backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    torch.nn.utils.clip_grad_value_(model.parameters(), 0.05)
    return [float(norm), [parameter.grad for parameter in model.parameters()]]


@record("optimizer.state")
def state() -> object:
    model = network()
    chosen = torch.optim.Adam(model.parameters())
    train(model, chosen, 2)
    again = torch.optim.Adam(model.parameters())
    again.load_state_dict(chosen.state_dict())
    return train(model, again, 2)


@record("optimizer.averaging", needs="torch.optim.swa_utils.AveragedModel")
def averaging() -> object:
    model = network()
    averaged = torch.optim.swa_utils.AveragedModel(model)
    chosen = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        train(model, chosen, 1)
        averaged.update_parameters(model)
    return parameters(averaged)


@record("optimizer.autocast", needs="torch.amp.autocast")
def autocast() -> object:
    model = network()
    with torch.amp.autocast("cpu", dtype=torch.bfloat16):
        result = model(normal(5, 8))
    result.float().pow(2).sum().backward()
    return [result, [parameter.grad for parameter in model.parameters()]]
