"""Makes gradients.json.gz: forward values and vector-Jacobian products of every operator that training uses.

Run: python test/oracles/gradients.py   (Python 3.11, torch 2.13.0 (CPU), onnxruntime 1.30.0, numpy 2.4.6; about 10 s)

Computed by PyTorch autograd in float64 from inputs that float32 holds exactly (multiples of 1/64), away from ties and
kinks. Each forward value is also checked against ONNX Runtime, so that an attribute means what ONNX says it means.

A list of {name, opType, opset, attributes, inputs, outputs, outputGradient, gradients}, where
  inputs          [{name, type: "float" | "int64", shape, data}] in the operator's order; a name "" is an input left out
  outputs         [{name, shape, data}]; only one has a gradient, the first unless `follow` says otherwise
  follow          the output that has the gradient, where it is not the first
  outputGradient  {shape, data}: the gradient of a scalar with respect to that output
  gradients       {input name: {shape, data}}: the gradient of that scalar with respect to each differentiable input
opType is the ONNX operator, or MeanSquaredError (mean over all elements of (prediction − target)²), which ONNX lacks.
"""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from gradient_case import case, cases, distinct, normal, positive, random
import gradient_indexing
import gradient_products
import gradient_recurrent
import gradient_reductions
import gradient_resampling
import gradient_smooth
import gradient_windows

FILE = Path(__file__).with_name("gradients.json.gz")


# Windows: convolution and pooling


def padding(pads: list[int]) -> list[int]:
    """ONNX [begin…, end…] to torch.nn.functional.pad's [last begin, last end, …]."""
    half = len(pads) // 2
    return [pads[axis + side * half] for axis in reversed(range(half)) for side in (0, 1)]


def same_pads(sizes, kernel, strides, dilations, upper: bool) -> list[int]:
    begins, ends = [], []
    for size, width, stride, dilation in zip(sizes, kernel, strides, dilations):
        total = max((math.ceil(size / stride) - 1) * stride + (width - 1) * dilation + 1 - size, 0)
        less, more = total // 2, total - total // 2
        begins.append(less if upper else more)
        ends.append(more if upper else less)
    return begins + ends


def conv(name, shape, filters, kernel, group=1, bias=True, pads=None, strides=None, dilations=None, auto_pad=None):
    rank = len(kernel)
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    attributes: dict = dict(kernel_shape=kernel, group=group, strides=strides, dilations=dilations)
    if auto_pad:
        attributes["auto_pad"] = auto_pad
        pads = same_pads(shape[2:], kernel, strides, dilations, auto_pad == "SAME_UPPER") if auto_pad != "VALID" else [0] * 2 * rank
    else:
        pads = attributes["pads"] = pads or [0] * 2 * rank
    inputs = {"X": normal(*shape), "W": normal(filters, shape[1] // group, *kernel)}
    if bias:
        inputs["B"] = normal(filters)
    convolve = [F.conv1d, F.conv2d, F.conv3d][rank - 1]

    def forward(x, w, b=None):
        return convolve(F.pad(x, padding(pads)), w, b, strides, 0, dilations, group)

    case(name, "Conv", inputs, forward, **attributes)


def convolutions():
    conv("conv1d", [2, 3, 9], 4, [3], pads=[1, 1])
    conv("conv1d-strided-dilated-leftover", [2, 2, 12], 4, [3], group=2, strides=[3], dilations=[2], pads=[1, 0])
    conv("conv1d-pointwise-no-bias", [2, 4, 5], 3, [1], bias=False)
    conv("conv3d", [1, 2, 4, 5, 3], 3, [2, 3, 2], pads=[0, 1, 1, 1, 1, 0])
    conv("conv3d-grouped-strided", [2, 4, 5, 4, 4], 4, [2, 2, 2], group=2, strides=[2, 1, 2], bias=False)
    conv("conv3d-dilated-leftover", [1, 1, 6, 5, 6], 2, [2, 2, 2], strides=[2, 2, 3], dilations=[2, 1, 2])
    conv("conv2d-pointwise", [2, 5, 4, 4], 6, [1, 1], bias=False)
    conv("conv2d-pointwise-strided", [2, 3, 6, 5], 4, [1, 1], strides=[2, 2])
    conv("conv2d-3x3-same", [2, 3, 5, 6], 4, [3, 3], pads=[1] * 4)
    conv("conv2d-3x3-many-channels", [1, 16, 4, 4], 4, [3, 3], pads=[1] * 4)
    conv("conv2d-5x5-stride-3-leftover", [1, 2, 10, 9], 3, [5, 5], strides=[3, 3], pads=[1, 1, 0, 0])
    conv("conv2d-depthwise", [2, 4, 5, 5], 4, [3, 3], group=4, pads=[1] * 4)
    conv("conv2d-depthwise-stride-2", [2, 4, 6, 6], 4, [3, 3], group=4, pads=[1] * 4, strides=[2, 2], bias=False)
    conv("conv2d-depthwise-multiplier-2", [2, 3, 5, 5], 6, [3, 3], group=3)
    conv("conv2d-kernel-wider-than-image", [1, 2, 2, 3], 2, [3, 5], pads=[1, 2, 1, 2])
    conv("conv2d-pads-beyond-kernel", [1, 2, 3, 3], 2, [2, 2], pads=[2, 3, 2, 1])
    for auto_pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        conv(f"conv2d-{auto_pad.lower().replace('_', '-')}", [1, 2, 6, 7], 3, [3, 2], strides=[2, 2], auto_pad=auto_pad)
    done = 0
    while done < 48:
        group = int(random.choice([1, 1, 1, 2, 3]))
        kernel, strides = random.randint(1, 4, 2).tolist(), random.randint(1, 4, 2).tolist()
        dilations, pads = random.randint(1, 3, 2).tolist(), random.randint(0, 3, 4).tolist()
        height, width = random.randint(3, 9, 2).tolist()
        sizes = [
            size + pads[axis] + pads[axis + 2] - ((kernel[axis] - 1) * dilations[axis] + 1)
            for axis, size in enumerate([height, width])
        ]
        if min(sizes) < 0:
            continue
        channels, filters = group * int(random.randint(1, 3)), group * int(random.randint(1, 3))
        shape = [int(random.randint(1, 3)), channels, height, width]
        bias = bool(random.randint(2))
        conv(f"conv2d-random-{done}", shape, filters, kernel, group, bias, pads, strides, dilations)
        done += 1


def transposed_convolutions():
    for name, group, strides, extra, pads in [
        ("conv-transpose", 1, [2, 2], [0, 0], [0] * 4),
        ("conv-transpose-grouped-output-padding", 2, [2, 3], [1, 2], [1, 0, 1, 0]),
    ]:
        inputs = {"X": normal(2, 4, 3, 3), "W": normal(4, 6 // group, 3, 3), "B": normal(6)}

        def forward(x, w, b):
            return F.conv_transpose2d(x, w, b, strides, pads[:2], extra, group)

        case(name, "ConvTranspose", inputs, forward, strides=strides, output_padding=extra, pads=pads, group=group, kernel_shape=[3, 3])


def max_pool(name, shape, kernel, strides, pads=None, dilations=None):
    rank = len(kernel)
    pads, dilations = pads or [0] * 2 * rank, dilations or [1] * rank
    pool = [F.max_pool1d, F.max_pool2d, F.max_pool3d][rank - 1]

    def forward(x):
        return pool(F.pad(x, padding(pads), value=-math.inf), kernel, strides, 0, dilations)

    case(name, "MaxPool", {"X": distinct(*shape)}, forward, kernel_shape=kernel, strides=strides, pads=pads, dilations=dilations)


def average_pool(name, shape, kernel, strides, pads=None, count_include_pad=0):
    rank, channels = len(kernel), shape[1]
    pads = pads or [0] * 2 * rank
    convolve = [F.conv1d, F.conv2d, F.conv3d][rank - 1]
    ones = torch.ones(channels, 1, *kernel, dtype=torch.float64)

    def sums(x):
        return convolve(F.pad(x, padding(pads)), ones, None, strides, 0, 1, channels)

    def forward(x):
        return sums(x) / (math.prod(kernel) if count_include_pad else sums(torch.ones_like(x)))

    case(
        name, "AveragePool", {"X": normal(*shape)}, forward,
        kernel_shape=kernel, strides=strides, pads=pads, count_include_pad=count_include_pad,
    )  # fmt: skip


def pools():
    max_pool("max-pool-2x2", [2, 3, 4, 6], [2, 2], [2, 2])
    max_pool("max-pool-2x2-leftover", [1, 2, 5, 7], [2, 2], [2, 2])
    max_pool("max-pool-3x3-stride-2-padded", [2, 2, 6, 6], [3, 3], [2, 2], [1] * 4)
    max_pool("max-pool-3x3-stride-1", [1, 2, 5, 5], [3, 3], [1, 1])
    max_pool("max-pool-asymmetric-pads", [1, 2, 5, 4], [3, 2], [2, 1], [0, 1, 2, 0])
    max_pool("max-pool-dilated", [1, 2, 7, 7], [2, 2], [2, 2], dilations=[2, 3])
    max_pool("max-pool-gaps-between-windows", [1, 2, 8, 8], [2, 2], [3, 3])
    max_pool("max-pool-1d", [2, 2, 9], [3], [2], [1, 1])
    max_pool("max-pool-3d", [1, 2, 4, 4, 4], [2, 2, 2], [2, 2, 2])
    for include in (0, 1):
        average_pool(f"average-pool-2x2-include-{include}", [2, 3, 4, 6], [2, 2], [2, 2], count_include_pad=include)
        average_pool(f"average-pool-3x3-same-include-{include}", [1, 2, 5, 5], [3, 3], [1, 1], [1] * 4, include)
        average_pool(f"average-pool-3x3-stride-2-include-{include}", [1, 2, 6, 7], [3, 3], [2, 2], [1] * 4, include)
        average_pool(f"average-pool-asymmetric-include-{include}", [1, 2, 5, 4], [3, 2], [2, 1], [0, 1, 2, 0], include)
        average_pool(f"average-pool-1d-include-{include}", [2, 2, 9], [3], [2], [1, 0], include)
    average_pool("average-pool-leftover", [1, 2, 7, 5], [2, 2], [2, 2])
    average_pool("average-pool-3d", [1, 2, 4, 4, 4], [2, 2, 2], [2, 2, 2])
    for shape in ([2, 3, 4, 5], [2, 3, 5]):
        axes = list(range(2, len(shape)))
        case(f"global-average-pool-rank{len(shape)}", "GlobalAveragePool", {"X": normal(*shape)}, lambda x: x.mean(axes, keepdim=True))


# Normalization


def batch_norm(name, shape, training, epsilon=1e-5, momentum=0.9, offset=0.0):
    channels = shape[1]
    inputs = {"X": normal(*shape) + offset, "scale": positive(channels), "B": normal(channels)}
    inputs |= {"input_mean": normal(channels), "input_var": positive(channels)}

    def forward(x, scale, shift, mean, variance):
        outputs = {"Y": F.batch_norm(x, mean.clone(), variance.clone(), scale, shift, training, 0.0, epsilon)}
        if training:  # ONNX's running statistics: m·old + (1 − m)·batch, population variance
            axes = [axis for axis in range(x.dim()) if axis != 1]
            outputs["running_mean"] = momentum * mean + (1 - momentum) * x.mean(axes)
            outputs["running_var"] = momentum * variance + (1 - momentum) * x.var(axes, unbiased=False)
        return outputs

    attributes = dict(epsilon=epsilon, momentum=momentum, training_mode=int(training))
    case(name, "BatchNormalization", inputs, forward, ("input_mean", "input_var"), **attributes)


def normalizations():
    for shape in ([6, 4], [3, 2, 5], [4, 3, 3, 4], [2, 2, 2, 3, 2]):
        batch_norm(f"batch-norm-training-rank{len(shape)}", shape, True)
        batch_norm(f"batch-norm-inference-rank{len(shape)}", shape, False)
    batch_norm("batch-norm-training-momentum-0", [4, 3, 2, 2], True, momentum=0.0)
    batch_norm("batch-norm-training-epsilon-1e-3", [5, 3], True, epsilon=1e-3, momentum=0.5)
    batch_norm("batch-norm-training-mean-far-from-0", [8, 2, 2, 2], True, offset=64.0)
    for axis, shape in [(-1, [3, 5]), (1, [2, 3, 4])]:
        inputs = {"X": normal(*shape), "Scale": positive(*shape[axis:]), "B": normal(*shape[axis:])}
        case(
            f"layer-norm-axis{axis}", "LayerNormalization", inputs,
            lambda x, scale, shift: F.layer_norm(x, scale.shape, scale, shift, 1e-5), axis=axis, epsilon=1e-5,
        )  # fmt: skip
    inputs = {"input": normal(2, 3, 4, 3), "scale": positive(3), "B": normal(3)}
    case(
        "instance-norm", "InstanceNormalization", inputs,
        lambda x, scale, shift: F.instance_norm(x, None, None, scale, shift, True, 0.0, 1e-5), epsilon=1e-5,
    )  # fmt: skip


# Elementwise, shape and linear algebra


def elementwise():
    for name, function in {
        "Relu": torch.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Softplus": F.softplus, "Exp": torch.exp,
        "Neg": torch.neg, "Identity": lambda x: x * 1, "Erf": torch.erf, "Abs": torch.abs,
    }.items():  # fmt: skip
        case(name.lower(), name, {"X": distinct(3, 17)}, function)
    for name, function in {"Log": torch.log, "Sqrt": torch.sqrt, "Reciprocal": torch.reciprocal}.items():
        case(name.lower(), name, {"X": positive(3, 5)}, function)
    for alpha in (0.01, 0.25):
        case(f"leaky-relu-{alpha}", "LeakyRelu", {"X": distinct(3, 8)}, lambda x: F.leaky_relu(x, alpha), alpha=alpha)
    case("elu", "Elu", {"X": distinct(3, 8)}, lambda x: F.elu(x, 0.5), alpha=0.5)
    case("hard-swish", "HardSwish", {"X": distinct(4, 64)}, F.hardswish)
    limits = {"X": distinct(4, 64), "min": np.array(0.0), "max": np.array(1.5)}
    case("clip", "Clip", limits, lambda x, low, high: x.clamp(low.item(), high.item()), ("min", "max"))
    functions = {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div}
    shapes = [([2, 3, 4], [2, 3, 4]), ([2, 3, 4], [3, 1]), ([4], [2, 3, 4]), ([2, 1, 4], [1, 3, 1]), ([2, 3], []), ([1, 3, 1, 1], [2, 3, 2, 2])]
    for name, function in functions.items():
        for left, right in shapes:
            label = "x".join(map(str, left)) + "-and-" + ("x".join(map(str, right)) or "scalar")
            case(f"{name.lower()}-{label}", name, {"A": normal(*left), "B": np.asarray(positive(*right))}, function)
    for keep in (0.5, 0.8):
        mask = (random.uniform(size=(4, 6)) < keep) / keep
        case(f"dropout-mask-keep-{keep}", "Mul", {"A": normal(4, 6), "mask": mask.astype(np.float32).astype(np.float64)}, torch.mul, ("mask",))


def shapes():
    for axis in (0, 1, 2, 4, -1):
        split = axis % 4 if axis < 0 else axis
        shape = [2, 3, 2, 2]
        rows = math.prod(shape[:split])
        case(f"flatten-axis{axis}", "Flatten", {"X": normal(*shape)}, lambda x: x.reshape(rows, -1), axis=axis)
    for target in ([6, 4], [-1, 8], [0, -1], [2, 3, 2, 2]):
        resolved = [2 if each == 0 else each for each in target]
        name = "reshape-" + "x".join(map(str, target))
        case(name, "Reshape", {"X": normal(2, 3, 4), "shape": np.array(target)}, lambda x, _: x.reshape(resolved))
    case("transpose", "Transpose", {"X": normal(2, 3, 4)}, lambda x: x.permute(2, 0, 1), perm=[2, 0, 1])
    for axis in (0, 1, -1):
        parts = {"A": normal(2, 3, 4), "B": normal(2, 3, 4), "C": normal(2, 3, 4)}
        case(f"concat-axis{axis}", "Concat", parts, lambda *each: torch.cat(each, axis), axis=axis)
    case("concat-unequal", "Concat", {"A": normal(2, 1, 3), "B": normal(2, 4, 3)}, lambda *each: torch.cat(each, 1), axis=1)
    for keep in (0, 1):
        case(f"reduce-mean-keep{keep}", "ReduceMean", {"X": normal(2, 3, 4)}, lambda x: x.mean([0, 2], bool(keep)), axes=[0, 2], keepdims=keep)
    case("pad", "Pad", {"X": normal(2, 3), "pads": np.array([1, 0, 0, 2])}, lambda x, _: F.pad(x, [0, 2, 1, 0]))


def linear():
    for trans_a in (0, 1):
        for trans_b in (0, 1):
            for alpha, beta, bias in [(1.0, 1.0, [5]), (0.5, 2.0, [4, 5]), (2.0, 0.25, [4, 1]), (1.0, 0.5, [1, 5]), (1.5, 0.5, []), (1.0, 1.0, [1]), (0.5, 1.0, None)]:
                inputs = {"A": normal(3, 4) if trans_a else normal(4, 3), "B": normal(5, 3) if trans_b else normal(3, 5)}
                if bias is not None:
                    inputs["C"] = np.asarray(normal(*bias))

                def forward(a, b, c=None):
                    product = alpha * ((a.T if trans_a else a) @ (b.T if trans_b else b))
                    return product if c is None else product + beta * c

                label = "none" if bias is None else "x".join(map(str, bias)) or "scalar"
                case(f"gemm-{trans_a}{trans_b}-c-{label}", "Gemm", inputs, forward, transA=trans_a, transB=trans_b, alpha=alpha, beta=beta)
    for left, right in [([4, 3], [3, 5]), ([2, 4, 3], [2, 3, 5]), ([2, 4, 3], [3, 5]), ([4, 3], [2, 3, 5]), ([2, 1, 4, 3], [1, 3, 3, 2]), ([3], [3, 5]), ([4, 3], [3]), ([2, 4, 3], [3])]:
        label = "x".join(map(str, left)) + "-by-" + "x".join(map(str, right))
        case(f"matmul-{label}", "MatMul", {"A": normal(*left), "B": normal(*right)}, torch.matmul)


def losses():
    for name, function in {"Softmax": torch.softmax, "LogSoftmax": torch.log_softmax}.items():
        for shape, axis in [([3, 5], -1), ([3, 5], 0), ([2, 3, 2, 2], 1), ([2, 3, 4], 2)]:
            case(f"{name.lower()}-rank{len(shape)}-axis{axis}", name, {"X": normal(*shape)}, lambda x: function(x, axis), axis=axis)
    case("softmax-large-logits", "Softmax", {"X": normal(3, 5) * 64}, lambda x: torch.softmax(x, 1), axis=1)
    labels = np.array([2, 0, 4, 2])
    for reduction in ("mean", "sum", "none"):
        case(
            f"cross-entropy-{reduction}", "SoftmaxCrossEntropyLoss", {"scores": normal(4, 5), "labels": labels},
            lambda x, y: F.cross_entropy(x, y, reduction=reduction), reduction=reduction,
        )  # fmt: skip
    case(
        "cross-entropy-large-logits", "SoftmaxCrossEntropyLoss", {"scores": normal(4, 5) * 64, "labels": labels},
        F.cross_entropy, reduction="mean",
    )  # fmt: skip
    case("mean-squared-error", "MeanSquaredError", {"prediction": normal(4, 3), "target": normal(4, 3)}, F.mse_loss, ("target",))


def main() -> None:
    for group in (convolutions, transposed_convolutions, pools, normalizations, elementwise, shapes, linear, losses):
        group()
    for family in (gradient_smooth, gradient_reductions, gradient_indexing, gradient_windows, gradient_resampling, gradient_products, gradient_recurrent):
        family.add_cases()
    names = [each["name"] for each in cases]
    assert len(set(names)) == len(names), {name for name in names if names.count(name) > 1}
    text = "[\n" + ",\n".join(json.dumps(each, separators=(",", ":")) for each in cases) + "\n]\n"
    FILE.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{len(cases)} cases, {len(text)} bytes, {FILE.stat().st_size} compressed")


if __name__ == "__main__":
    main()
