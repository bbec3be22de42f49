"""The benchmark's networks, and their export to cnn28.onnx and cnn32.onnx beside this file.

Run: python test/bench/train/networks.py   (versions: see media/samples/generate/exporting.py; about 5 s)
With a folder, python test/bench/train/networks.py FOLDER exports the large ones there: mlp and resnet18.

Untrained, with random BatchNorm statistics; input "x", output "logits" of 10 classes, batch axis "N".
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "media/samples/generate"))

import torch
from digits_models import digits_cnn, digits_mlp
from exporting import check, export, name_nodes_after_modules, randomize_batch_norm
from torch import nn
from torchvision_models import resnet18 as torchvision_resnet18


def convolutional(channels: list[int], stride: int, pooled: bool) -> OrderedDict[str, nn.Module]:
    """Conv 3×3, BatchNorm and ReLU per step, then a 2×2 maximum where `pooled`. The first convolution has stride 1."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for index, (taken, made) in enumerate(zip(channels, channels[1:]), start=1):
        layers[f"conv{index}"] = nn.Conv2d(taken, made, 3, stride if index > 1 else 1, padding=1, bias=False)
        layers[f"bn{index}"] = nn.BatchNorm2d(made)
        layers[f"relu{index}"] = nn.ReLU()
        if pooled:
            layers[f"pool{index}"] = nn.MaxPool2d(2)
    return layers


def cnn28() -> nn.Sequential:
    head = OrderedDict(flatten=nn.Flatten(), fc=nn.Linear(32 * 7 * 7, 10))
    return nn.Sequential(convolutional([1, 16, 32], 1, True) | head)


def cnn32() -> nn.Sequential:
    head = OrderedDict(gap=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(128, 10))
    return nn.Sequential(convolutional([3, 32, 64, 128], 2, False) | head)


def mlp() -> nn.Sequential:
    """5.8 million parameters: the optimizer's share of a step is as large as it gets."""
    sizes = [784, 2048, 2048, 10]
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for index, (taken, made) in enumerate(zip(sizes, sizes[1:]), start=1):
        layers[f"fc{index}"] = nn.Linear(taken, made)
        layers[f"relu{index}"] = nn.ReLU()
    del layers[f"relu{len(sizes) - 1}"]
    return nn.Sequential(layers)


def resnet18() -> nn.Module:
    return torchvision_resnet18(num_classes=10)


LARGE = {
    "mlp": (mlp, [784]),
    "resnet18": (resnet18, [3, 32, 32]),
}

NETWORKS = {
    **LARGE,
    "digits-mlp": (digits_mlp, [64]),
    "digits-cnn": (digits_cnn, [1, 8, 8]),
    "cnn28": (cnn28, [1, 28, 28]),
    "cnn32": (cnn32, [3, 32, 32]),
}


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    names, folder = (("cnn28", "cnn32"), HERE) if len(sys.argv) == 1 else (LARGE, Path(sys.argv[1]))
    for name in names:
        build, shape = NETWORKS[name]
        model, images, path = build(), torch.randn(3, *shape, generator=generator), folder / f"{name}.onnx"
        randomize_batch_norm(model, generator)
        export(model, images, path)
        if name not in LARGE:
            name_nodes_after_modules(path)
        check(model, images, path)


if __name__ == "__main__":
    main()
