"""Gradient cases of Pad and Resize.

Resize is linear along each axis; its matrices come from ONNX's own reference implementation in float64, where PyTorch has
no such mode, and each forward value is compared with ONNX Runtime as everywhere.
"""

from __future__ import annotations

import numpy as np
import torch
from gradient_case import case, normal, random
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator


def along(x, axis, matrix):
    return torch.movedim(torch.tensordot(torch.movedim(x, axis, -1), matrix, ([-1], [1])), -1, axis)


def pads() -> None:
    for mode in ("constant", "reflect", "edge", "wrap"):
        for draw in range(8):
            rank = int(random.randint(1, 5))
            shape = random.randint(4, 6, rank).tolist()
            count = int(random.randint(1, rank + 1))
            axes = sorted(int(axis) for axis in random.permutation(rank)[:count])
            lowest = -1 if mode == "constant" or (draw % 2 and mode != "wrap") else 0
            amounts = random.randint(lowest, 3, 2 * count).tolist()
            inputs = {"data": normal(*shape), "pads": np.array(amounts), "omitted": np.array([], np.int64)}
            inputs["axes"] = np.array([axis - rank if random.randint(2) else axis for axis in axes])

            def forward(x, *_):
                for position, axis in enumerate(axes):
                    begin, end = amounts[position], amounts[position + count]
                    places = np.arange(max(begin, 0) + shape[axis] + max(end, 0)) - max(begin, 0)
                    places = places[max(-begin, 0) : len(places) - max(-end, 0)]
                    inside = (places >= 0) & (places < shape[axis])
                    last = shape[axis] - 1
                    if mode == "reflect":
                        places = last - np.abs(last - np.abs(places))
                    places = places % shape[axis] if mode == "wrap" else places.clip(0, last)
                    x = torch.index_select(x, axis, torch.from_numpy(places))
                    if mode == "constant":
                        mask = torch.from_numpy(inside.astype(float)).reshape([-1] + [1] * (rank - axis - 1))
                        x = x * mask
                return x

            case(f"pad-{mode}-{draw}", "Pad", inputs, forward, opset=19, mode=mode)
    for mode in ("reflect", "edge"):
        amounts = np.array([0, 0, 1, 2, 0, 0, 2, 1])
        torch_mode = {"reflect": "reflect", "edge": "replicate"}[mode]
        image = lambda x, _: torch.nn.functional.pad(x, [2, 1, 1, 2], mode=torch_mode)  # noqa: E731
        case(f"pad-{mode}-image", "Pad", {"data": normal(2, 2, 4, 5), "pads": amounts}, image, mode=mode)


def matrix(size: int, factor: float | None, target: int, region, attributes: dict) -> torch.Tensor:
    """(target, size): what ONNX's reference makes of the identity, along the second of two axes."""
    names = ["X", "roi", "scales"] if factor is not None else ["X", "roi", "", "sizes"]
    linear = {key: value for key, value in attributes.items() if key not in ("extrapolation_value", "axes")}
    infos = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in names if name]
    graph = helper.make_graph([helper.make_node("Resize", names, ["Y"], **linear)], "one", infos, [helper.make_tensor_value_info("Y", TensorProto.DOUBLE, None)])
    evaluator = ReferenceEvaluator(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)]))
    feeds = {"X": np.eye(size), "roi": np.array([0, region[0], 1, region[1]], float)}
    feeds |= {"scales": np.array([1.0, factor])} if factor is not None else {"sizes": np.array([size, target])}
    return torch.from_numpy(np.asarray(evaluator.run(None, feeds)[0], float).T.copy())


def resize(name: str, shape: list[int], factors: list[float] | None, targets: list[int] | None, region=None, opset=19, **attributes) -> None:
    axes = attributes.get("axes") or list(range(len(shape)))
    sizes = targets or [int(np.floor(shape[axis] * factor)) for axis, factor in zip(axes, factors)]
    regions = region or [(0.0, 1.0)] * len(axes)
    matrices = [
        (axis, matrix(shape[axis], factors[position] if factors else None, sizes[position], regions[position], attributes))
        for position, axis in enumerate(axes)
        if region or sizes[position] != shape[axis] or (factors and factors[position] != 1)
    ]

    def forward(x, *_):
        for axis, each in matrices:
            x = along(x, axis, each)
        return x

    inputs: dict = {"X": normal(*shape)}
    inputs |= {"omitted roi": np.array([], np.int64)} if region is None else {"roi": np.array([low for low, _ in region] + [high for _, high in region])}
    inputs |= {"scales": np.array(factors, float)} if factors else {"omitted scales": np.array([], np.int64), "sizes": np.array(targets)}
    case(name, "Resize", inputs, forward, ("roi", "scales"), opset=opset, **attributes)


COORDINATES = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"]


def resizes() -> None:
    for coordinates in COORDINATES:
        for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
            factors = [1.0, 1.0, float(random.choice([0.5, 1.5, 2, 2.5, 3])), float(random.choice([0.75, 2, 1.25]))]
            label = f"{coordinates}-{rounding}".replace("_", "-")
            common = dict(mode="nearest", coordinate_transformation_mode=coordinates, nearest_mode=rounding)
            resize(f"resize-nearest-{label}", [1, 2, 4, 4], factors, None, **common)
        for draw, (shape, factors) in enumerate([([2, 2, 3, 4], [1, 1, 2, 2]), ([1, 2, 6, 8], [1, 1, 0.5, 0.25]), ([1, 1, 4, 4], [1, 1, 1.5, 0.75])]):
            for mode in ("linear", "cubic"):
                common = dict(mode=mode, coordinate_transformation_mode=coordinates)
                resize(f"resize-{mode}-{coordinates.replace('_', '-')}-{draw}", shape, list(map(float, factors)), None, **common)
    for number, (shape, targets) in enumerate([([2, 3, 4], [2, 3, 7]), ([1, 2, 3, 5], [1, 2, 5, 3]), ([1, 1, 2, 3, 2], [1, 1, 4, 3, 3]), ([4, 5], [7, 2])]):
        resize(f"resize-nearest-sizes-{number}", shape, None, targets, mode="nearest")
        if len(shape) in (2, 4, 5):
            resize(f"resize-linear-sizes-{number}", shape, None, targets, mode="linear")
    for number, (shape, factors) in enumerate([([2, 2, 3], [1, 1, 3]), ([1, 2, 2, 3], [1, 1, 2, 4]), ([1, 1, 2, 2, 3], [1, 1, 2, 3, 2])]):
        resize(f"resize-whole-{number}", shape, list(map(float, factors)), None, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        resize(f"resize-whole-centred-{number}", shape, list(map(float, factors)), None, mode="nearest")
    resize("resize-cubic-catmull-rom", [1, 2, 4, 5], [1.0, 1.0, 2.0, 1.5], None, mode="cubic", cubic_coeff_a=-0.5)
    resize("resize-cubic-exclude-outside", [1, 2, 4, 5], [1.0, 1.0, 2.0, 1.5], None, mode="cubic", exclude_outside=1)
    for mode in ("linear", "cubic"):
        resize(f"resize-{mode}-antialias", [1, 2, 6, 8], None, [1, 2, 4, 3], mode=mode, antialias=1)
    resize("resize-axes", [1, 2, 4, 6], None, [8, 3], mode="linear", axes=[2, 3])
    crop = [(0.0, 1.0), (0.0, 1.0), (0.25, 0.75), (0.125, 1.25)]
    resize("resize-crop", [1, 2, 5, 9], None, [1, 2, 6, 4], crop, mode="linear", coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=0.0)
    for operator, opset in (("Upsample", 9), ("Resize", 10)):
        for factor in (2, 3):
            repeated = lambda x, _: x.repeat_interleave(factor, 2).repeat_interleave(2, 3)  # noqa: E731
            scales = np.array([1.0, 1.0, factor, 2.0])
            case(f"{operator.lower()}-{opset}-{factor}", operator, {"X": normal(1, 2, 3, 2), "scales": scales}, repeated, ("scales",), opset=opset, mode="nearest")
    skipped = lambda x, _: x[:, :, ::2, ::2]  # noqa: E731
    case("resize-10-reduced", "Resize", {"X": normal(1, 2, 4, 6), "scales": np.array([1.0, 1.0, 0.5, 0.5])}, skipped, ("scales",), opset=10, mode="nearest")


def add_cases() -> None:
    pads()
    resizes()
