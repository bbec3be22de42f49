"""Makes full-size networks with BatchNorm kept, each with a golden output, and the fixture with shared BatchNorm tensors.

Run: python test/oracles/architectures.py FOLDER   (versions: see media/samples/generate/exporting.py; about 30 s)

FOLDER gets resnet18, resnet50 and mobilenetv2, each as NAME.onnx (3×224×224, batch axis "N", untrained weights, random
BatchNorm statistics) and NAME.golden.npz (x: one image, y: PyTorch's float32 logits, y64: PyTorch's float64 logits).
They are too large to commit.

test/fixtures/onnx/shared-identity-resnet.onnx keeps fresh BatchNorm statistics: equal tensors, which the exporter
stores once and shares through Identity nodes.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "media/samples/generate"))

import numpy as np
import onnx
import torch
from exporting import check, export, randomize_batch_norm
from torchvision_models import NarrowResNet, mobilenet_v2, resnet18, resnet50

ARCHITECTURES = {"resnet18": resnet18, "resnet50": resnet50, "mobilenetv2": mobilenet_v2}


def write_full_size(folder: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    image = torch.randn(1, 3, 224, 224, generator=generator)
    for name, build in ARCHITECTURES.items():
        model = build()
        randomize_batch_norm(model, generator)
        export(model, image, folder / f"{name}.onnx")
        check(model, image, folder / f"{name}.onnx")
        with torch.no_grad():
            y, y64 = model(image), model.double()(image.double())
        np.savez(folder / f"{name}.golden.npz", x=image.numpy(), y=y.numpy(), y64=y64.numpy())


def write_shared_identity(path: Path) -> None:
    torch.manual_seed(0)
    model, images = NarrowResNet(num_classes=10), torch.randn(2, 3, 32, 32)
    export(model, images, path)
    check(model, images, path)
    assert any(node.op_type == "Identity" for node in onnx.load(path).graph.node)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python test/oracles/architectures.py FOLDER")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_shared_identity(ROOT / "test/fixtures/onnx/shared-identity-resnet.onnx")
    write_full_size(folder)


if __name__ == "__main__":
    main()
