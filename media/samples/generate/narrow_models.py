"""Makes narrow-mobilenetv2.onnx and narrow-resnet.onnx: torchvision's architectures at small width, 3×32×32, 10 classes.

Run: python media/samples/generate/narrow_models.py   (versions: see exporting.py; about 10 s)

Not trained: PyTorch's initial weights, random BatchNorm statistics. Node names are as PyTorch exports them.
"""

from __future__ import annotations

import torch

from exporting import SAMPLES, check, export, randomize_batch_norm
from torchvision_models import NarrowResNet, mobilenet_v2


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    images = torch.randn(3, 3, 32, 32, generator=generator)
    models = {
        "narrow-mobilenetv2": mobilenet_v2(width_mult=0.2, num_classes=10, round_nearest=4),
        "narrow-resnet": NarrowResNet(num_classes=10),
    }
    for name, model in models.items():
        randomize_batch_norm(model, generator)
        export(model, images[:2], SAMPLES / f"{name}.onnx")
        check(model, images, SAMPLES / f"{name}.onnx")


if __name__ == "__main__":
    main()
