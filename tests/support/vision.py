"""torchvision at work on the CPU: its C++ operators, its image formats, networks.

Prints the sha256 of each result as JSON, so that the same torchvision on another torch can be
compared. What is checked here is what does not depend on the other side.
"""

import hashlib
import io
import json
import sys
from typing import Any

import torch
import torchvision
from PIL import Image
from torchvision import io as image_io
from torchvision import ops


def digest(values: Any) -> str:
    return hashlib.sha256(values.detach().contiguous().numpy().tobytes()).hexdigest()


def picture(form: str, **options: Any) -> Any:
    """A file with a gradient in it, and its pixels."""
    pixels = (torch.arange(3 * 8 * 9) * 37 % 256).to(torch.uint8).reshape(8, 9, 3)
    file = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(file, form, **options)
    return torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8), pixels.permute(2, 0, 1)


def main() -> None:
    torch.manual_seed(0)
    results = {}

    corners = torch.rand(40, 2) * 50
    boxes, scores = torch.cat([corners, corners + 5 + torch.rand(40, 2) * 20], 1), torch.rand(40)
    kept = ops.nms(boxes, scores, 0.4)
    assert 1 < len(kept) < 40
    assert kept[0] == scores.argmax()
    results["nms"] = digest(kept)

    offsets, weight = torch.rand(1, 18, 8, 8), torch.rand(4, 3, 3, 3)
    bent = ops.deform_conv2d(torch.rand(1, 3, 10, 10), offsets, weight)
    assert bent.shape == (1, 4, 8, 8)
    results["deform_conv2d"] = digest(bent)

    features = torch.rand(2, 3, 32, 32, requires_grad=True)
    rois = torch.cat([torch.arange(2.0).repeat(20)[:, None], boxes / 3], 1)
    pooled = ops.roi_align(features, rois, (4, 4), sampling_ratio=2)
    pooled.square().sum().backward()
    assert pooled.shape == (40, 3, 4, 4)
    results["roi_align"], results["roi_align.gradient"] = digest(pooled), digest(features.grad)

    png, pixels = picture("PNG")
    assert torch.equal(image_io.decode_png(png), pixels)
    assert torch.equal(image_io.decode_png(image_io.encode_png(pixels)), pixels)
    jpeg, _ = picture("JPEG")
    results["decode_jpeg"] = digest(image_io.decode_jpeg(jpeg))
    results["encode_jpeg"] = digest(image_io.encode_jpeg(pixels, quality=80))
    webp, _ = picture("WEBP", lossless=True)
    assert torch.equal(image_io.decode_webp(webp), pixels)
    lossy, _ = picture("WEBP", quality=50)
    results["decode_webp"] = digest(image_io.decode_webp(lossy))
    try:
        image_io.decode_jpeg(jpeg, device="cuda")
    except (RuntimeError, AssertionError) as error:
        results["decode_jpeg on CUDA"] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    else:
        raise AssertionError("a JPEG was decoded on a GPU")

    network = torchvision.models.resnet18(weights=None).eval()
    with torch.inference_mode():
        batch = torch.rand(2, 3, 64, 64)
        eager = network(batch)
    results["resnet18"] = digest(eager)
    scripted = torch.jit.script(network)
    with torch.no_grad():
        torch.testing.assert_close(scripted(batch.clone()), eager.clone())
    network.train()(torch.rand(2, 3, 64, 64)).square().mean().backward()
    results["resnet18.gradient"] = digest(network.conv1.weight.grad)

    detector = torchvision.models.detection.fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None, box_score_thresh=0.0
    ).eval()
    with torch.inference_mode():
        (found,) = detector([torch.rand(3, 96, 96)])
    assert len(found["boxes"])
    results["detector"] = digest(torch.cat([found["boxes"], found["scores"][:, None]], 1))

    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
