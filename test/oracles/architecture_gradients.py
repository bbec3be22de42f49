"""Makes architecture-gradients.json.gz and test/fixtures/architectures/*.onnx: the gradient of whole networks.

Run: python test/oracles/architecture_gradients.py   (versions: see media/samples/generate/exporting.py; about 2 minutes)

Well-known architectures with few channels, and fewer repetitions of the same block where the names of the nodes would
outweigh the weights. Dropout and stochastic depth are off (p = 0), BatchNorm is in training mode, the batch is 4 samples.

A gradient has jumps where a ReLU or a maximum changes sides, and BatchNorm multiplies rounding where a channel hardly
varies. The seed of weights and inputs is the first one at which neither happens: float32 PyTorch, and float64 PyTorch
with inputs changed by three parts in ten million, both stay within STABLE of the gradient.

architecture-gradients.json.gz:
  {framework, models: {name: {seed, inputShape, loss, targetShape, value, float32Error,
                              gradients: {parameter: {shape, largest, norm, projection, samples: [≤ 16]}}}}}
  inputs, targets   noise(seed, count), noise(seed + 1, count), row-major; classes are 3·i mod 10 of sample i
  value             the loss, mean over the batch
  largest           max |g|
  projection        Σ gᵢ·cos i, row-major from i = 0: every number counts
  samples           g at the positions ⌊k·count/16⌋, all where there are fewer
  float32Error      the largest error of float32 PyTorch, as `error` below measures it
"""

from __future__ import annotations

import copy
import gzip
import json
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "media/samples/generate"))
sys.path.insert(0, str(ROOT / "test/bench/fold"))

import numpy as np
import torch
from exporting import check, export, randomize_batch_norm
from networks import UNet
from torch import nn
from torch.nn import functional as F
from torchvision_models import mobilenet_v2
from torchvision.models import ConvNeXt, DenseNet, EfficientNet, ShuffleNetV2
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.efficientnet import MBConvConfig
from torchvision.models.resnet import BasicBlock, ResNet

BATCH, CLASSES = 4, 10
STABLE = 5e-5
FLOOR = 1e-3
FIXTURES = ROOT / "test/fixtures/architectures"


class ResNet18(ResNet):
    """Its eight blocks with a 24th of the channels."""

    def __init__(self) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2])
        self.fc = nn.Linear(512 // 24, CLASSES)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        return super()._make_layer(block, planes // 24, blocks, stride, dilate)


class ResizeUNet(nn.Module):
    """Upsampling by bilinear and nearest Resize instead of ConvTranspose."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.first, self.second, self.third = block(3, width), block(width, 2 * width), block(2 * width, 2 * width)
        self.join2, self.join1 = block(4 * width, width), block(2 * width, width)
        self.head = nn.Conv2d(width, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.first(x)
        second = self.second(F.max_pool2d(first, 2))
        third = self.third(F.max_pool2d(second, 2))
        third = F.interpolate(third, size=second.shape[2:], mode="nearest")
        second = F.interpolate(self.join2(torch.cat([second, third], 1)), scale_factor=2, mode="bilinear")
        return self.head(self.join1(torch.cat([first, second], 1)))


def block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class SequenceClassifier(nn.Module):
    """Input: [N, steps, features]."""

    def __init__(self, kind: type[nn.Module] = nn.LSTM) -> None:
        super().__init__()
        self.layers = kind(12, 16, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(32, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(x)[0][:, -1])


class Transformer(nn.Module):
    """Input: embeddings [N, tokens, width]."""

    def __init__(self, norm_first: bool) -> None:
        super().__init__()
        layer = partial(nn.TransformerEncoderLayer, 32, 4, 64, dropout=0, batch_first=True, norm_first=norm_first)
        self.layers = nn.TransformerEncoder(layer(activation="relu" if norm_first else "gelu"), 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(x).mean(1))


def mobile_net() -> nn.Module:
    """Its last convolution does not follow the width, so it is made anew."""
    stages = [[1, 16, 1, 1], [6, 24, 2, 1], [6, 32, 2, 2], [6, 64, 2, 1], [6, 96, 1, 1], [6, 160, 2, 1], [6, 320, 1, 1]]
    model = mobilenet_v2(width_mult=0.1, inverted_residual_setting=stages, num_classes=CLASSES, round_nearest=4)
    inputs = model.features[-1][0].in_channels
    model.features[-1] = nn.Sequential(nn.Conv2d(inputs, 64, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU6())
    model.classifier[1] = nn.Linear(64, CLASSES)
    return model


def efficient_net() -> nn.Module:
    sizes = [(1, 3, 1, 8, 8, 1), (4, 3, 2, 8, 8, 2), (4, 5, 2, 8, 16, 2), (6, 3, 1, 16, 16, 1), (4, 5, 2, 16, 16, 1)]
    return EfficientNet([MBConvConfig(*size) for size in sizes], 0, 0, num_classes=CLASSES, last_channel=64)


def convnext() -> nn.Module:
    stages = [CNBlockConfig(8, 16, 2), CNBlockConfig(16, 24, 1), CNBlockConfig(24, 28, 1), CNBlockConfig(28, None, 1)]
    return ConvNeXt(stages, layer_scale=0.5, num_classes=CLASSES)


def densenet() -> nn.Module:
    return DenseNet(8, (2, 3, 3, 3), num_init_features=12, bn_size=2, num_classes=CLASSES)


IMAGES = (BATCH, 3, 32, 32)
# Where four samples of one position would be all that the last BatchNorm has.
LARGER = (BATCH, 3, 64, 64)
MODELS = {
    "resnet18": (ResNet18, IMAGES),
    "mobilenetv2": (mobile_net, LARGER),
    "densenet": (densenet, LARGER),
    "efficientnet": (efficient_net, IMAGES),
    "shufflenetv2": (lambda: ShuffleNetV2([2, 3, 2], [8, 16, 24, 32, 64], num_classes=CLASSES), LARGER),
    "convnext": (convnext, IMAGES),
    "unet": (lambda: UNet(width=8), IMAGES),
    "resize-unet": (ResizeUNet, IMAGES),
    "lstm": (SequenceClassifier, (BATCH, 9, 12)),
    "gru": (partial(SequenceClassifier, nn.GRU), (BATCH, 9, 12)),
    "transformer": (partial(Transformer, norm_first=False), (BATCH, 10, 32)),
    "pre-norm-transformer": (partial(Transformer, norm_first=True), (BATCH, 10, 32)),
}


def noise(seed: int, count: int) -> np.ndarray:
    """Uniform over (−2, 2), exact in float32: a linear congruential generator's upper 24 bits."""
    values, state = np.empty(count, np.float32), seed
    for index in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values[index] = ((state >> 8) - 2**23) / 2**22
    return values


def randomize(model: nn.Module, seed: int) -> None:
    """Every parameter on its own: the exporter stores equal ones, such as fresh biases, only once."""
    generator = torch.Generator().manual_seed(seed)
    randomize_batch_norm(model, generator)
    for layer in model.modules():
        if isinstance(layer, (nn.Dropout, nn.Dropout2d)):
            layer.p = 0.0
    seen: set[bytes] = set()
    for parameter in model.parameters():
        if parameter.unique().numel() == 1 or parameter.detach().numpy().tobytes() in seen:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
        seen.add(parameter.detach().numpy().tobytes())


def gradients(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> tuple[float, dict[str, np.ndarray]]:
    network = copy.deepcopy(model).to(inputs.dtype).train()
    outputs = network(inputs)
    loss = F.mse_loss(outputs, targets.to(inputs.dtype)) if targets.is_floating_point() else F.cross_entropy(outputs, targets)
    loss.backward()
    return loss.item(), {name: each.grad.double().numpy() for name, each in network.named_parameters()}


def error(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> float:
    """The largest difference, relative to its parameter's largest, or to FLOOR of the network's largest."""
    floor = FLOOR * max(np.abs(each).max() for each in expected.values())
    return max(np.abs(actual[name] - each).max() / max(np.abs(each).max(), floor) for name, each in expected.items())


def summary(gradient: np.ndarray) -> dict:
    flat = gradient.ravel()
    positions = range(flat.size) if flat.size <= 16 else [k * flat.size // 16 for k in range(16)]
    return {
        "shape": list(gradient.shape),
        "largest": float(np.abs(flat).max()),
        "norm": float(np.linalg.norm(flat)),
        "projection": float(flat @ np.cos(np.arange(flat.size))),
        "samples": [float(flat[position]) for position in positions],
    }


def golden(name: str) -> dict:
    build, shape = MODELS[name]
    for seed in range(1, 400, 2):
        torch.manual_seed(seed)
        model = build()
        randomize(model, seed)
        inputs = torch.from_numpy(noise(seed, int(np.prod(shape))).reshape(shape))
        outputs = model.eval()(inputs).shape
        images = len(outputs) > 2
        targets = torch.arange(BATCH) * 3 % CLASSES
        if images:
            targets = torch.from_numpy(noise(seed + 1, outputs.numel()).reshape(outputs))
        loss, expected = gradients(model, inputs.double(), targets)
        changed = inputs.double() * (1 + 3e-7 * torch.randn(shape, generator=torch.Generator().manual_seed(seed)))
        float32_error = error(gradients(model, inputs, targets)[1], expected)
        if max(float32_error, error(gradients(model, changed, targets)[1], expected)) > STABLE:
            continue
        path = FIXTURES / f"{name}.onnx"
        export(model, inputs, path)
        check(model, inputs, path)
        print(f"{name}: seed {seed}, loss {loss:.6f}, float32 PyTorch's error {float32_error:.1e}")
        return {
            "seed": seed,
            "inputShape": list(shape),
            "loss": "mean-squared-error" if images else "cross-entropy",
            "targetShape": list(targets.shape),
            "value": loss,
            "float32Error": float32_error,
            "gradients": {parameter: summary(each) for parameter, each in expected.items()},
        }
    sys.exit(f"{name}: no seed is stable")


def main() -> None:
    FIXTURES.mkdir(parents=True, exist_ok=True)
    goldens = {"framework": f"torch {torch.__version__}", "models": {name: golden(name) for name in MODELS}}
    text = json.dumps(goldens).encode()
    Path(__file__).with_name("architecture-gradients.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))


if __name__ == "__main__":
    main()
