"""Normalisation, activations, losses and embeddings, forward and backward."""

import functools
from typing import Any

import torch

from ..inputs import normal, parameters, with_gradients
from ..registry import record, since

ACTIVATIONS = (
    "celu elu gelu glu hardshrink hardswish hardtanh leaky_relu logsigmoid mish relu rrelu selu "
    "sigmoid silu softmax softplus softsign tanh"
)


@record("activation.{}", each=ACTIVATIONS.split(), needs="torch.nn.functional.{}")
def activation(name: str) -> object:
    function = getattr(torch.nn.functional, name)
    options = {"dim": -1} if name == "softmax" else {}
    return [
        with_gradients(lambda x: function(x, **options), normal(7, 36)),
        with_gradients(lambda x: function(x, **options), normal(7, 36, dtype="float64")),
    ]


@record("activation.bfloat16", needs=since("1.9"))
def activation_bfloat16() -> object:
    values = normal(7, 36, dtype="bfloat16")
    functional = torch.nn.functional
    chosen = (functional.relu, functional.gelu, functional.silu, torch.tanh, torch.sigmoid)
    return [function(values) for function in chosen] + [torch.softmax(values, -1)]


@record("normalization.batch")
def batch() -> object:
    layer = torch.nn.BatchNorm2d(5)
    trained = with_gradients(layer, normal(4, 5, 6, 7))
    return [trained, parameters(layer), layer.eval()(normal(4, 5, 6, 7))]


@record("normalization.{}", each=("layer", "group", "instance"))
def normalization(name: str) -> object:
    layer = {
        "layer": lambda: torch.nn.LayerNorm([6, 7]),
        "group": lambda: torch.nn.GroupNorm(3, 6),
        "instance": lambda: torch.nn.InstanceNorm2d(6, affine=True),
    }[name]()
    return with_gradients(layer, normal(4, 6, 6, 7))


@record("normalization.rms", needs="torch.nn.RMSNorm")
def rms() -> object:
    return with_gradients(torch.nn.RMSNorm(19), normal(4, 19))


@record("normalization.bfloat16", needs=since("1.13"))
def normalization_bfloat16() -> object:
    layer = torch.nn.LayerNorm(64).bfloat16()
    return with_gradients(layer, normal(8, 64, dtype="bfloat16"))


@record("normalization.weights", needs="torch.nn.utils.parametrizations.weight_norm")
def weights() -> object:
    norms = torch.nn.utils.parametrizations
    layers = [
        norms.weight_norm(torch.nn.Linear(5, 6)),
        norms.spectral_norm(torch.nn.Linear(5, 6)),
        norms.orthogonal(torch.nn.Linear(5, 5)),
    ]
    return [with_gradients(layer, normal(3, 5)) for layer in layers]


@record("normalization.local")
def local() -> object:
    values = normal(2, 5, 6)
    return [
        with_gradients(torch.nn.LocalResponseNorm(2), values),
        torch.nn.functional.normalize(values, dim=1),
    ]


@record("loss.regression")
def regression() -> object:
    names = ("l1_loss", "mse_loss", "smooth_l1_loss", "poisson_nll_loss", "kl_div")
    losses = [getattr(torch.nn.functional, name) for name in names]
    target = normal(5, 9).abs()
    return [
        with_gradients(functools.partial(loss, target=target, reduction="none"), normal(5, 9))
        for loss in losses
    ]


@record("loss.robust", needs=("torch.nn.functional.huber_loss", "torch.nn.GaussianNLLLoss"))
def robust() -> object:
    target, variance = normal(5, 9), normal(5, 9).abs()
    return [
        with_gradients(lambda x: torch.nn.functional.huber_loss(x, target), normal(5, 9)),
        with_gradients(lambda x: torch.nn.GaussianNLLLoss()(x, target, variance), normal(5, 9)),
    ]


@record("loss.classification")
def classification() -> object:
    functional = torch.nn.functional
    classes, weight = torch.randint(6, (8,)), torch.rand(6)
    classes[2] = -100
    binary = torch.randint(2, (8, 6)).float()
    return [
        with_gradients(lambda x: functional.cross_entropy(x, classes, weight), normal(8, 6)),
        with_gradients(lambda x: functional.multi_margin_loss(x, classes.abs() % 6), normal(8, 6)),
        with_gradients(
            lambda x: functional.binary_cross_entropy_with_logits(x, binary), normal(8, 6)
        ),
        with_gradients(lambda x: functional.binary_cross_entropy(x, binary), torch.rand(8, 6)),
        with_gradients(lambda x: functional.multilabel_soft_margin_loss(x, binary), normal(8, 6)),
    ]


@record("loss.label_smoothing", needs=since("1.10"))
def label_smoothing() -> object:
    loss = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    indices, soft = torch.randint(6, (8,)), torch.softmax(normal(8, 6), -1)
    return [
        with_gradients(functools.partial(loss, target=target), normal(8, 6))
        for target in (indices, soft)
    ]


@record("loss.ctc")
def ctc() -> object:
    lengths, targets = torch.tensor([20, 15]), torch.randint(1, 9, (2, 7))

    def loss(logits: Any) -> Any:
        return torch.nn.functional.ctc_loss(
            torch.log_softmax(logits, -1), targets, lengths, torch.tensor([7, 5])
        )

    return with_gradients(loss, normal(20, 2, 9))


@record("loss.ranking")
def ranking() -> object:
    functional = torch.nn.functional
    side = torch.tensor([1.0, -1.0, 1.0, -1.0])
    one, two, three = (normal(4, 6) for _ in range(3))
    return [
        with_gradients(functional.triplet_margin_loss, one, two, three),
        with_gradients(lambda a, b: functional.cosine_embedding_loss(a, b, side), one, two),
        with_gradients(
            lambda a, b: functional.margin_ranking_loss(a, b, side), one[:, 0], two[:, 0]
        ),
        functional.cosine_similarity(one, two),
        functional.pairwise_distance(one, two),
    ]


@record("embedding.plain")
def embedding() -> object:
    layer = torch.nn.Embedding(30, 8, padding_idx=0, max_norm=1.5)
    return with_gradients(layer, torch.randint(30, (5, 6)))


@record("embedding.bag.{}", each=("sum", "mean", "max"))
def bag(mode: str) -> object:
    layer = torch.nn.EmbeddingBag(30, 8, mode=mode)
    indices, offsets = torch.randint(30, (20,)), torch.tensor([0, 3, 3, 11])
    result = layer(indices, offsets)
    result.pow(2).sum().backward()
    return [result, layer.weight.grad]
