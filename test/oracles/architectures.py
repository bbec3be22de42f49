"""Makes full-size networks with BatchNorm kept, some with a golden output, and the fixture with shared BatchNorm tensors.

Run: python test/oracles/architectures.py FOLDER   (versions: see media/samples/generate/exporting.py; about 2 minutes)

FOLDER gets resnet18, resnet50 and mobilenetv2, each as NAME.onnx (3×224×224, batch axis "N", untrained weights, random
BatchNorm statistics) and NAME.golden.npz (x: one image, y: PyTorch's float32 logits, y64: PyTorch's float64 logits).
They are too large to commit. The networks of the fold comparison (test/bench/fold) follow, as NAME.onnx alone.

test/fixtures/onnx/shared-identity-resnet.onnx keeps fresh BatchNorm statistics: equal tensors, which the exporter
stores once and shares through Identity nodes.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "media/samples/generate"))
sys.path.insert(0, str(ROOT / "test/bench/fold"))

import numpy as np
import onnx
import torch
from exporting import check, export, randomize_batch_norm
from networks import Encoder, PreActivation, UNet
from torchvision_models import NarrowResNet, mobilenet_v2, resnet18, resnet50
from torchvision import models

ARCHITECTURES = {"resnet18": resnet18, "resnet50": resnet50, "mobilenetv2": mobilenet_v2}

COMPARED = {
    "mobilenet_v3_small": models.mobilenet_v3_small,
    "efficientnet_b0": models.efficientnet_b0,
    "densenet121": models.densenet121,
    "googlenet": lambda: models.googlenet(aux_logits=False, init_weights=False),
    "shufflenet_v2_x1_0": models.shufflenet_v2_x1_0,
    "regnet_y_400mf": models.regnet_y_400mf,
    "convnext_tiny": models.convnext_tiny,
    "unet": UNet,
    "pre_activation": PreActivation,
    "bert_encoder": lambda: Encoder(norm_first=False),
    "pre_norm_encoder": lambda: Encoder(norm_first=True),
}

# Inputs that are not an image of 224 × 224: a smaller one, and embeddings [N, tokens, width].
EXAMPLES = {"unet": (1, 3, 64, 64), "pre_activation": (1, 3, 32, 32), "bert_encoder": (1, 32, 768), "pre_norm_encoder": (1, 32, 768)}


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


def write_compared(folder: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    for name, build in COMPARED.items():
        model = build()
        randomize_batch_norm(model, generator)
        randomize_layer_norm(model, generator)
        example = torch.randn(*EXAMPLES.get(name, (1, 3, 224, 224)), generator=generator)
        export(model, example, folder / f"{name}.onnx")
        check(model, example, folder / f"{name}.onnx")


def randomize_layer_norm(model: torch.nn.Module, generator: torch.Generator) -> None:
    for layer in model.modules():
        if isinstance(layer, torch.nn.LayerNorm):
            layer.weight.data.uniform_(0.5, 1.5, generator=generator)
            layer.bias.data.normal_(0, 0.1, generator=generator)


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
    write_compared(folder)


if __name__ == "__main__":
    main()
