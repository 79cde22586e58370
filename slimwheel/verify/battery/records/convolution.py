"""Convolutions, forward and backward, and pooling."""

from typing import Any

import torch

from ..inputs import FLOATS, normal, with_gradients
from ..registry import record, since

SHAPES = {"1": (2, 6, 31), "2": (2, 6, 17, 19), "3": (2, 6, 7, 8, 9)}


def layer(kind: str, dimensions: str, *arguments: Any, **options: Any) -> Any:
    return getattr(torch.nn, kind + dimensions + "d")(*arguments, **options)


@record("convolution.forward.{}d.bfloat16", each=tuple(SHAPES), needs=since("1.8"))
def bfloat16(dimensions: str) -> object:
    convolution = layer("Conv", dimensions, 6, 8, 3).bfloat16()
    with torch.no_grad():
        return convolution(normal(*SHAPES[dimensions], dtype="bfloat16"))


for _dtype in FLOATS:

    @record("convolution.backward.{}d." + _dtype, each=tuple(SHAPES))
    def backward(dimensions: str, dtype: str = _dtype) -> object:
        convolution = layer("Conv", dimensions, 6, 8, 3, padding=1).to(getattr(torch, dtype))
        return with_gradients(convolution, normal(*SHAPES[dimensions], dtype=dtype))


@record("convolution.transposed.{}d", each=tuple(SHAPES))
def transposed(dimensions: str) -> object:
    convolution = layer("ConvTranspose", dimensions, 6, 4, 3, stride=2, output_padding=1)
    return with_gradients(convolution, normal(*SHAPES[dimensions]))


@record("convolution.complex", needs=since("1.12"))
def complex_numbers() -> object:
    convolution = torch.nn.Conv2d(6, 4, 3).to(torch.complex64)
    return with_gradients(convolution, normal(*SHAPES["2"], dtype="complex64"))


@record("convolution.groups")
def groups() -> object:
    return [
        with_gradients(torch.nn.Conv2d(6, 12, 3, groups=count), normal(*SHAPES["2"]))
        for count in (2, 6)
    ]


@record("convolution.dilation")
def dilation() -> object:
    convolution = torch.nn.Conv2d(6, 8, 3, stride=2, padding=2, dilation=2, bias=False)
    return with_gradients(convolution, normal(*SHAPES["2"]))


@record("convolution.padding.{}", each=("reflect", "replicate", "circular"), needs=since("1.5"))
def padding(mode: str) -> object:
    convolution = torch.nn.Conv2d(6, 8, 3, padding=2, padding_mode=mode)
    return with_gradients(convolution, normal(*SHAPES["2"]))


@record("convolution.channels_last", needs="torch.channels_last")
def channels_last() -> object:
    convolution = torch.nn.Conv2d(6, 8, 3).to(memory_format=torch.channels_last)
    images = normal(*SHAPES["2"]).to(memory_format=torch.channels_last)
    result = convolution(images)
    return [list(result.stride()), with_gradients(convolution, images)]


@record("convolution.onednn", needs=("torch.backends.mkldnn", "torch.utils.mkldnn"))
def onednn() -> object:
    import torch.utils.mkldnn

    plain = torch.nn.Sequential(torch.nn.Conv2d(6, 8, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2))
    blocked = torch.utils.mkldnn.to_mkldnn(plain.eval())
    return blocked(normal(*SHAPES["2"]).to_mkldnn()).to_dense()


@record("convolution.unfold")
def unfold() -> object:
    columns = torch.nn.functional.unfold(normal(*SHAPES["2"]), 3, padding=1)
    return [columns, torch.nn.functional.fold(columns, (17, 19), 3, padding=1)]


@record("convolution.network")
def network() -> object:
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, padding=1),
        torch.nn.BatchNorm2d(16),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, 32, 3, stride=2),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(2),
    )
    return with_gradients(model, normal(4, 3, 32, 32))


@record("pooling.max.{}d", each=tuple(SHAPES))
def max_pool(dimensions: str) -> object:
    pool = layer("MaxPool", dimensions, 3, stride=2, padding=1, return_indices=True)
    return with_gradients(pool, normal(*SHAPES[dimensions]))


@record("pooling.average.{}d", each=tuple(SHAPES))
def average_pool(dimensions: str) -> object:
    return with_gradients(layer("AvgPool", dimensions, 3, 2), normal(*SHAPES[dimensions]))


@record("pooling.adaptive")
def adaptive() -> object:
    return [
        with_gradients(layer(kind, dimensions, 3), normal(*shape))
        for dimensions, shape in sorted(SHAPES.items())
        for kind in ("AdaptiveAvgPool", "AdaptiveMaxPool")
    ]


@record("pooling.rare")
def rare() -> object:
    images = normal(*SHAPES["2"])
    pooled, indices = torch.nn.functional.max_pool2d(images, 2, return_indices=True)
    return [
        torch.nn.functional.max_unpool2d(pooled, indices, 2, output_size=(17, 19)),
        torch.nn.functional.lp_pool2d(images.abs(), 2.0, 3),
        torch.nn.FractionalMaxPool2d(2, output_ratio=0.5)(images),
    ]


@record("images.interpolate.{}", each=("nearest", "bilinear", "bicubic"), needs=since("1.5"))
def interpolate(mode: str) -> object:
    corners = None if mode == "nearest" else False

    def resize(images: Any) -> Any:
        return torch.nn.functional.interpolate(
            images, size=(23, 11), mode=mode, align_corners=corners
        )

    return with_gradients(resize, normal(*SHAPES["2"]))


@record("images.sampling", needs=since("1.3"))
def sampling() -> object:
    grid = torch.nn.functional.affine_grid(normal(2, 2, 3), [2, 6, 9, 9], align_corners=False)

    def sample(images: Any, places: Any) -> Any:
        return torch.nn.functional.grid_sample(images, places, align_corners=False)

    shuffled = torch.nn.functional.pixel_shuffle(normal(1, 12, 4, 4), 2)
    return [with_gradients(sample, normal(*SHAPES["2"]), grid), shuffled]
