"""Gradient cases of elementwise functions and of normalizations within one sample."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from gradient_case import case, distinct, normal, positive, random


def between(low: float, high: float, *shape: int) -> np.ndarray:
    return np.round(random.uniform(low, high, shape) * 64) / 64


def elementwise() -> None:
    functions = {
        "Sin": torch.sin, "Cos": torch.cos, "Tan": torch.tan, "Asin": torch.asin, "Acos": torch.acos, "Atan": torch.atan,
        "Sinh": torch.sinh, "Cosh": torch.cosh, "Asinh": torch.asinh, "Atanh": torch.atanh,
    }  # fmt: skip
    for name, function in functions.items():
        case(name.lower(), name, {"X": between(-0.9, 0.9, 3, 7)}, function)
    case("acosh", "Acosh", {"X": between(1.25, 3, 3, 7)}, torch.acosh)
    case("selu", "Selu", {"X": distinct(3, 8)}, F.selu)
    case("celu", "Celu", {"X": distinct(3, 8)}, lambda x: F.celu(x, 0.75), alpha=0.75)
    case("softsign", "Softsign", {"X": distinct(3, 8)}, F.softsign)
    case("mish", "Mish", {"X": distinct(3, 8)}, F.mish, opset=18)
    for approximate in ("none", "tanh"):
        case(f"gelu-{approximate}", "Gelu", {"X": distinct(3, 24)}, lambda x: F.gelu(x, approximate=approximate), opset=20, approximate=approximate)
    hard = lambda x: torch.clamp(0.25 * x + 0.375, 0, 1)  # noqa: E731
    case("hard-sigmoid", "HardSigmoid", {"X": distinct(4, 64)}, hard, alpha=0.25, beta=0.375)
    case("thresholded-relu", "ThresholdedRelu", {"X": distinct(3, 8)}, lambda x: torch.where(x > 0.25, x, 0.0 * x), alpha=0.25)
    case("prelu-per-channel", "PRelu", {"X": distinct(2, 3, 4), "slope": normal(3, 1)}, lambda x, slope: torch.where(x > 0, x, slope * x))
    shrunk = lambda x: torch.where(x > 0.25, x - 0.125, torch.where(x < -0.25, x + 0.125, 0.0 * x))  # noqa: E731
    case("shrink", "Shrink", {"X": distinct(3, 8)}, shrunk, lambd=0.25, bias=0.125)
    for alpha in (1.0, 1.5):
        case(f"swish-{alpha}", "Swish", {"X": distinct(3, 8)}, lambda x: x * torch.sigmoid(alpha * x), opset=24, known_to_runtime=False, alpha=alpha)
    case("pow-tensor", "Pow", {"X": positive(2, 3, 4), "exponent": normal(3, 1)}, torch.pow)
    case("mod-fmod", "Mod", {"A": distinct(3, 8) * 4 + 1 / 256, "B": positive(8)}, torch.fmod, fmod=1)
    three = {"A": distinct(2, 3, 4), "B": normal(3, 1), "C": normal(4)}
    case("sum-of-three", "Sum", three, lambda a, b, c: a + b + c)
    case("mean-of-three", "Mean", three, lambda a, b, c: (a + b + c) / 3)
    apart = {"A": distinct(2, 3, 4), "B": distinct(2, 3, 4) + 1 / 128, "C": distinct(3, 4) + 1 / 256}
    case("max-of-three", "Max", apart, lambda a, b, c: torch.maximum(torch.maximum(a, b), c))
    case("min-of-three", "Min", apart, lambda a, b, c: torch.minimum(torch.minimum(a, b), c))


def group_norm(name: str, shape: list[int], groups: int, opset: int) -> None:
    """One number a channel from opset 21 on, one a group before (ONNX Runtime's function agrees only with the former)."""
    channels = shape[1]
    count = channels if opset >= 21 else groups
    inputs = {"X": normal(*shape) + 2, "scale": positive(count), "bias": normal(count)}

    def forward(x, scale, bias):
        repeat = channels // count
        return F.group_norm(x, groups, scale.repeat_interleave(repeat), bias.repeat_interleave(repeat), 1e-5)

    case(name, "GroupNormalization", inputs, forward, opset=opset, num_groups=groups, epsilon=1e-5)


def normalizations() -> None:
    for opset in (18, 21):
        for shape, groups in ([2, 6, 4], 3), ([2, 4, 3, 3], 2), ([1, 4, 2, 3, 2], 4), ([3, 3, 2, 2], 1), ([2, 8, 5], 2), ([2, 5, 3, 3], 5):
            group_norm(f"group-norm-{opset}-{groups}-groups-{'x'.join(map(str, shape))}", shape, groups, opset)
    for shape in ([2, 3, 7], [3, 2, 4, 5], [2, 2, 3, 2, 3]):
        inputs = {"input": normal(*shape) + 3, "scale": positive(shape[1]), "B": normal(shape[1])}
        case(
            f"instance-norm-rank{len(shape)}", "InstanceNormalization", inputs,
            lambda x, scale, shift: F.instance_norm(x, None, None, scale, shift, True, 0.0, 1e-3), epsilon=1e-3,
        )  # fmt: skip
    for axis, shape in [(-2, [2, 3, 4]), (2, [2, 3, 2, 3]), (0, [4, 3]), (-1, [2, 2, 3, 6])]:
        inputs = {"X": normal(*shape) + 2, "Scale": positive(*shape[axis:]), "B": normal(*shape[axis:])}
        case(
            f"layer-norm-random-axis{axis}", "LayerNormalization", inputs,
            lambda x, scale, shift: F.layer_norm(x, scale.shape, scale, shift, 1e-3), axis=axis, epsilon=1e-3,
        )  # fmt: skip
    for axis, shape in [(-1, [3, 5]), (1, [2, 3, 4])]:
        inputs = {"X": normal(*shape), "scale": positive(*shape[axis:])}
        case(
            f"rms-norm-axis{axis}", "RMSNormalization", inputs,
            lambda x, scale: F.rms_norm(x, scale.shape, scale, 1e-5), opset=23, known_to_runtime=False, axis=axis, epsilon=1e-5,
        )  # fmt: skip
    for p in (1, 2):
        for axis, shape in [(-1, [3, 5]), (1, [2, 3, 4]), (0, [3, 2, 2])]:
            case(f"lp-normalization-{p}-axis{axis}", "LpNormalization", {"X": distinct(*shape)}, lambda x: F.normalize(x, p, axis), p=p, axis=axis)
    for size in (1, 3, 5):
        before = (size - 1) // 2

        def local_response(x):
            squares = F.pad(x * x, [0, 0] * (x.dim() - 2) + [before, size - 1 - before])
            sums = squares.unfold(1, size, 1).sum(-1)
            return x / (1.5 + 0.75 / size * sums) ** 0.6

        case(f"lrn-{size}", "LRN", {"X": normal(2, 6, 2, 3)}, local_response, size=size, alpha=0.75, beta=0.6, bias=1.5)
    for axes, shape in [([0, 2, 3], [2, 3, 3, 2]), ([1], [3, 6]), ([-1, 1], [2, 3, 4])]:
        forward = lambda x: (x - x.mean(axes, keepdim=True)) / x.std(axes, unbiased=False, keepdim=True)  # noqa: E731
        case(f"mean-variance-{'-'.join(map(str, axes))}", "MeanVarianceNormalization", {"X": normal(*shape) + 1}, forward, axes=axes)


def add_cases() -> None:
    elementwise()
    normalizations()
