"""Measures the gradients of full-width networks, ours and float32 PyTorch's, and makes full-width-gradients.json.gz.

Run: python test/oracles/full_width_gradients.py FOLDER [NAME…]   (after `npm run build`; versions: see
media/samples/generate/exporting.py; half an hour, or without the table `--golden FOLDER`, two minutes)

Prints the numbers of docs/gradients.md, a line as soon as it is measured. FOLDER gets the models. Ours are those of
`node dist/cli.js gradients`.

Every network is measured as its weights and inputs are drawn from a seed, and settled (kink_distance.py): a gradient
jumps at a kink, and where one of a million values lies within rounding of one, which gradient it is goes by rounding.

The error of a parameter is its largest difference from float64 PyTorch, relative to the parameter's largest gradient.
Where that is zero by construction, such as of a shift that the next BatchNorm takes away again, to its layer's largest.

full-width-gradients.json.gz:
  {framework, models: {name: {seed, inputShape, loss, targetShape, value, float32Error, model, weights: [{factor,
                              offset, count}], gradients: {parameter: {…, scale}}}}}
  model      base64 of the settled ONNX file. All but the settled shifts lies in the external file weights.bin: for each
             of `weights` in turn float32(offset + factor·v) with the next v of noise(seed + 1, …)
  scale      what the error is relative to
  the rest   as in architecture-gradients.json.gz
"""

from __future__ import annotations

import base64
import copy
import gzip
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from architecture_gradients import BATCH, CLASSES, ROOT, STABLE, gradients, summary
from exporting import export
from kink_distance import settle
from networks import UNet
from onnx.external_data_helper import set_external_data
from torch import nn
from torchvision import models

SEEDS = (1, 3, 5)
COMMITTED = ("mobilenetv2", "shufflenetv2")


class SequenceClassifier(nn.Module):
    """Input: [N, steps, 32]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.LSTM(32, 128, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(256, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(x)[0][:, -1])


class Transformer(nn.Module):
    """Two layers of BERT's width. Input: embeddings [N, tokens, 768]."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(768, 12, 3072, dropout=0, activation="gelu", batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(768, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(x).mean(1))


def classifier(build):
    return partial(build, num_classes=CLASSES)


# Where the last maps are a 32nd of the image, 128² leaves 4×4 positions of 4 samples to a BatchNorm.
IMAGES, SMALL = (BATCH, 3, 128, 128), (BATCH, 3, 64, 64)
NETWORKS = {
    "resnet18": (classifier(models.resnet18), IMAGES),
    "mobilenetv2": (classifier(models.mobilenet_v2), IMAGES),
    "densenet121": (classifier(models.densenet121), IMAGES),
    "efficientnet_b0": (classifier(models.efficientnet_b0), IMAGES),
    "shufflenetv2": (classifier(models.shufflenet_v2_x1_0), IMAGES),
    "convnext_tiny": (classifier(models.convnext_tiny), SMALL),
    "unet": (UNet, SMALL),
    "lstm": (SequenceClassifier, (BATCH, 16, 32)),
    "transformer": (Transformer, (BATCH, 32, 768)),
}


# Shifts of BatchNorms, 0.05 elsewhere. DenseNet's first scale has, with small ones, a gradient that is the rest of large
# terms which cancel; 0.35 is about what training makes of them.
SHIFTS = {"densenet121": 0.35}


def noise(seed: int, count: int) -> np.ndarray:
    """That of architecture_gradients.py, stateₙ = aⁿ·seed + c·(1 + a + … + aⁿ⁻¹) mod 2³², for all n at once."""
    powers = np.cumprod(np.full(count, 1664525, np.uint32), dtype=np.uint32)
    sums = np.cumsum(np.concatenate([[1], powers[:-1]]).astype(np.uint32), dtype=np.uint32)
    states = powers * np.uint32(seed) + np.uint32(1013904223) * sums
    return ((states >> 8).astype(np.int64) - 2**23).astype(np.float32) / np.float32(2**22)


def weigh(model: nn.Module, seed: int, shift: float) -> dict[str, tuple[float, float]]:
    """Draws every tensor, so that the exporter finds no two that are equal and stores each. Returns factor and offset."""
    for layer in model.modules():
        if isinstance(layer, nn.Dropout) or type(layer).__name__ == "StochasticDepth":
            layer.p = 0.0
    rectified = any(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())
    tensors = {name: tensor for name, tensor in model.state_dict().items() if tensor.is_floating_point()}
    scales = {name: scale(name, tensor, rectified) for name, tensor in tensors.items()}
    normalizations = [name for name, layer in model.named_modules() if isinstance(layer, nn.BatchNorm2d)]
    scales |= {f"{name}.bias": (shift, 0.0) for name in normalizations}
    row = noise(seed, sum(tensor.numel() for tensor in tensors.values())).astype(np.float64)
    for name, tensor in tensors.items():
        (factor, offset), values, row = scales[name], row[: tensor.numel()], row[tensor.numel() :]
        tensor.copy_(torch.from_numpy((offset + factor * values).astype(np.float32)).view(tensor.shape))
    return scales


def scale(name: str, tensor: torch.Tensor, rectified: bool) -> tuple[float, float]:
    """Weights get the variance 2/inputs (He et al. 2015), or 1/inputs; the scales of normalizations are around 1."""
    if name.endswith("layer_scale"):
        return 0.05, 0.5
    if tensor.dim() > 1:
        # The noise has the variance 4/3.
        return float(np.sqrt((2 if rectified else 1) / tensor[0].numel() * 3 / 4)), 0.0
    return (0.05, 0.0) if name.endswith(("bias", "running_mean")) or "bias_" in name else (0.25, 1.0)


def scales_of_errors(expected: dict[str, np.ndarray]) -> dict[str, float]:
    largest = {name: float(np.abs(each).max()) for name, each in expected.items()}
    layers: dict[str, float] = {}
    for name, each in largest.items():
        layer = name.rpartition(".")[0]
        layers[layer] = max(layers.get(layer, 0.0), each)
    of_layer = {name: layers[name.rpartition(".")[0]] for name in expected}
    # float64 leaves 1e-12 and less of what is zero by construction.
    return {name: each if each > 1e-9 * of_layer[name] else of_layer[name] for name, each in largest.items()}


def error(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> float:
    """The largest of all parameters."""
    scales = scales_of_errors(expected)
    return max(float(np.abs(actual[name] - each).max()) / scales[name] for name, each in expected.items())


def ours(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, path: Path) -> dict[str, np.ndarray]:
    export(model, inputs, path)
    data, output = path.with_suffix(".data.npz"), path.with_suffix(".gradients.npz")
    np.savez(data, x=inputs.numpy(), y=targets.numpy())
    command = ["node", ROOT / "dist/cli.js", "gradients", path, "--data", data, "--loss", loss_of(targets), "-o", output]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return dict(np.load(output))


def loss_of(targets: torch.Tensor) -> str:
    return "mean-squared-error" if targets.is_floating_point() else "cross-entropy"


def draw(name: str, seed: int) -> tuple[nn.Module, dict[str, tuple[float, float]], torch.Tensor, torch.Tensor]:
    """Model, its scales, inputs and targets."""
    build, shape = NETWORKS[name]
    model = build()
    scales = weigh(model, seed + 1, SHIFTS.get(name, 0.05))
    inputs = torch.from_numpy(noise(seed, int(np.prod(shape))).reshape(shape))
    outputs = copy.deepcopy(model).eval()(inputs).shape
    images = torch.from_numpy(noise(seed + 1, outputs.numel()).reshape(outputs))
    return model, scales, inputs, images if len(outputs) > 2 else torch.arange(BATCH) * 3 % CLASSES


def measure(name: str, seed: int, folder: Path) -> str:
    model, _, inputs, targets = draw(name, seed)
    states = {"drawn": model}
    if any(isinstance(layer, (nn.ReLU, nn.ReLU6)) for layer in model.modules()):
        states["settled"] = settle(model, inputs)
    texts = []
    for state, network in states.items():
        expected = gradients(network, inputs.double(), targets)[1]
        float32 = error(gradients(network, inputs, targets)[1], expected)
        own = error(ours(network, inputs, targets, folder / f"{name}.onnx"), expected)
        texts.append(f"{state}: ours {own:.1e}, float32 PyTorch {float32:.1e}")
    return "; ".join(texts)


def golden(name: str, folder: Path) -> dict:
    """At the first seed at which float32 PyTorch is within STABLE."""
    for seed in SEEDS:
        model, scales, inputs, targets = draw(name, seed)
        settled = settle(model, inputs)
        loss, expected = gradients(settled, inputs.double(), targets)
        float32_error = error(gradients(settled, inputs, targets)[1], expected)
        if float32_error > STABLE:
            continue
        export(settled, inputs, folder / f"{name}.onnx")
        file = onnx.load(folder / f"{name}.onnx")
        tensors = {each.name: each for each in file.graph.initializer}
        weights = {each: tensor for each, tensor in model.state_dict().items() if each in scales}
        start = 0
        for each, tensor in weights.items():
            size = 4 * tensor.numel()
            if torch.equal(tensor, settled.state_dict()[each]):
                set_external_data(tensors[each], "weights.bin", start, size)
                tensors[each].ClearField("raw_data")
            start += size
        relative_to = scales_of_errors(expected)
        return {
            "seed": seed,
            "inputShape": list(inputs.shape),
            "loss": loss_of(targets),
            "targetShape": list(targets.shape),
            "value": loss,
            "float32Error": float32_error,
            "model": base64.b64encode(file.SerializeToString()).decode(),
            "weights": [dict(zip(("factor", "offset"), scales[each]), count=tensor.numel()) for each, tensor in weights.items()],
            "gradients": {each: {**summary(gradient), "scale": relative_to[each]} for each, gradient in expected.items()},
        }
    sys.exit(f"{name}: float32 is not within {STABLE} at any seed")


def main() -> None:
    only_golden = "--golden" in sys.argv
    folder, *names = [each for each in sys.argv[1:] if each != "--golden"]
    Path(folder).mkdir(parents=True, exist_ok=True)
    if not names:
        goldens = {"framework": f"torch {torch.__version__}", "models": {name: golden(name, Path(folder)) for name in COMMITTED}}
        path = Path(__file__).with_name("full-width-gradients.json.gz")
        path.write_bytes(gzip.compress(json.dumps(goldens).encode(), 9, mtime=0))
    for name in [] if only_golden else names or NETWORKS:
        for seed in SEEDS:
            print(f"{name}, seed {seed}: {measure(name, seed, Path(folder))}", flush=True)


if __name__ == "__main__":
    main()
