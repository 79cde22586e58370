"""What people did with torch 1.0 on the CPU: `python uses_1_0.py NAME`.

Each use holds its results against what they must be, and fails loudly. Runs on Python 3.6 with
torch, numpy, what caffe2 imports (protobuf, future, six) and torchvision 0.2.1 with Pillow.
"""

import sys
from typing import Any

import numpy as np
import torch
from torch import multiprocessing


def _caffe2(kind: str, *inputs: Any, **arguments: Any) -> Any:
    """The first output of one operator of caffe2, run on the CPU."""
    from caffe2.python import core, workspace

    names = ["input_%d" % place for place in range(len(inputs))]  # noqa: UP031 - Python 3.6
    for name, values in zip(names, inputs):  # noqa: B905 - Python 3.6
        workspace.FeedBlob(name, values)
    outputs = ["output_%d" % place for place in range(arguments.pop("outputs", 1))]  # noqa: UP031
    workspace.RunOperatorOnce(core.CreateOperator(kind, names, outputs, **arguments))
    return workspace.FetchBlob(outputs[0])


def _normal(*shape: int) -> Any:
    return np.random.RandomState(sum(shape)).randn(*shape).astype(np.float32)


def caffe2_operators() -> None:
    from caffe2.python import workspace

    assert not workspace.has_gpu_support
    assert workspace.NumCudaDevices() == 0
    registered = set(workspace.RegisteredOperators())
    assert len(registered) > 700
    assert not [name for name in registered if "NCCL" in name or "CUDNN" in name]

    rows, weights, bias = _normal(3, 4), _normal(5, 4), _normal(5)
    close = np.testing.assert_allclose
    close(_caffe2("FC", rows, weights, bias), rows @ weights.T + bias, rtol=1e-4, atol=1e-5)
    close(_caffe2("MatMul", rows, weights.T.copy()), rows @ weights.T, rtol=1e-4, atol=1e-5)
    close(_caffe2("Relu", rows), np.maximum(rows, 0))
    close(_caffe2("Sigmoid", rows), 1 / (1 + np.exp(-rows)), rtol=1e-5)
    close(_caffe2("Tanh", rows), np.tanh(rows), rtol=1e-5)
    close(_caffe2("Add", rows, rows), 2 * rows)
    exponents = np.exp(rows - rows.max(1, keepdims=True))
    close(_caffe2("Softmax", rows), exponents / exponents.sum(1, keepdims=True), rtol=1e-5)
    close(_caffe2("Concat", rows, rows, outputs=2, axis=1), np.concatenate([rows, rows], 1))
    close(_caffe2("Transpose", rows, axes=(1, 0)), rows.T)
    close(_caffe2("ReduceSum", rows, axes=(1,), keepdims=0), rows.sum(1), rtol=1e-4)

    images, kernels, bias = _normal(1, 2, 5, 6), _normal(3, 2, 3, 3), _normal(3)
    windows = np.stack(
        [images[:, :, y : y + 3, x : x + 4 - 1] for y in range(3) for x in range(4)], -1
    )
    expected = np.einsum("nchwp,ochw->nop", windows, kernels).reshape(1, 3, 3, 4)
    expected = expected + bias[None, :, None, None]
    close(_caffe2("Conv", images, kernels, bias, kernel=3), expected, rtol=1e-4, atol=1e-5)
    pooled = _caffe2("MaxPool", images[:, :, :4], kernel=2, stride=2)
    close(pooled, images[:, :, :4].reshape(1, 2, 2, 2, 3, 2).max((3, 5)))


def caffe2_training() -> None:
    """A net with gradients, of caffe2's own helper."""
    from caffe2.python import brew, model_helper, optimizer, workspace

    inputs = _normal(20, 3)
    workspace.FeedBlob("inputs", inputs)
    workspace.FeedBlob("wanted", inputs @ np.array([[1.0], [-2.0], [3.0]], dtype=np.float32))
    model = model_helper.ModelHelper("line")
    made = brew.fc(model, "inputs", "made", 3, 1)
    loss = model.AveragedLoss(model.SquaredL2Distance([made, "wanted"], "distance"), "loss")
    model.AddGradientOperators([loss])
    optimizer.build_sgd(model, base_learning_rate=0.1)
    workspace.RunNetOnce(model.param_init_net)
    workspace.CreateNet(model.net)
    losses = []
    for _ in range(100):
        workspace.RunNet(model.net)
        losses.append(float(workspace.FetchBlob("loss")))
    assert losses[-1] < losses[0] / 1000, losses
    found = workspace.FetchBlob("made_w")
    np.testing.assert_allclose(found, [[1, -2, 3]], atol=0.1)


def _double(queue: Any, done: Any, shared: Any) -> None:
    shared *= 2
    queue.put(torch.arange(4.0))
    done.wait()


def sharing_by_file_system() -> None:
    multiprocessing.set_sharing_strategy("file_system")
    for start in ("fork", "spawn"):
        context = multiprocessing.get_context(start)
        queue, done, shared = context.Queue(), context.Event(), torch.ones(3).share_memory_()
        child = context.Process(target=_double, args=(queue, done, shared))
        child.start()
        assert queue.get(timeout=60).tolist() == [0.0, 1.0, 2.0, 3.0]
        done.set()
        child.join(60)
        assert child.exitcode == 0
        assert shared.tolist() == [2.0, 2.0, 2.0]


def vision() -> None:
    from PIL import Image
    from torchvision import models, transforms

    pixels = (np.arange(40 * 50 * 3) * 37 % 256).astype(np.uint8).reshape(40, 50, 3)
    prepare = transforms.Compose(
        [
            transforms.Resize(36),
            transforms.CenterCrop(32),
            transforms.ToTensor(),
            transforms.Normalize([0.5] * 3, [0.5] * 3),
        ]
    )
    batch = torch.stack([prepare(Image.fromarray(pixels)), prepare(Image.fromarray(255 - pixels))])
    assert batch.shape == (2, 3, 32, 32)
    assert -1 <= batch.min() < batch.max() <= 1
    whole = transforms.ToTensor()(Image.fromarray(pixels))
    np.testing.assert_allclose(whole.numpy().transpose(1, 2, 0) * 255, pixels, atol=1e-4)
    assert np.array_equal(np.asarray(transforms.ToPILImage()(whole)), pixels)

    torch.manual_seed(0)
    network = models.resnet18().eval()
    # torchvision 0.2.1 pools 7 by 7 at its end, which takes pictures of 224 by 224.
    big = torch.nn.functional.interpolate(batch, size=(224, 224))
    with torch.no_grad():
        eager = network(big)
        traced = torch.jit.trace(network, big)(big)
    assert eager.shape == (2, 1000)
    assert torch.equal(eager, traced)
    network.train()(big).pow(2).mean().backward()
    assert network.conv1.weight.grad.abs().sum() > 0


if __name__ == "__main__":
    globals()[sys.argv[1]]()
