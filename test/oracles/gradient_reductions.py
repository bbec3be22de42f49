"""Gradient cases of reductions, running sums and triangles, with random axes."""

from __future__ import annotations

import numpy as np
import torch
from gradient_case import case, distinct, normal, positive, random


def product(x, axes, keep):
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


REDUCTIONS = {
    "ReduceSum": lambda x, axes, keep: x.sum(axes, keep),
    "ReduceMean": lambda x, axes, keep: x.mean(axes, keep),
    "ReduceMax": lambda x, axes, keep: x.amax(axes, keep),
    "ReduceMin": lambda x, axes, keep: x.amin(axes, keep),
    "ReduceProd": product,
    "ReduceL1": lambda x, axes, keep: x.abs().sum(axes, keep),
    "ReduceL2": lambda x, axes, keep: x.square().sum(axes, keep).sqrt(),
    "ReduceLogSum": lambda x, axes, keep: x.sum(axes, keep).log(),
    "ReduceLogSumExp": lambda x, axes, keep: x.logsumexp(axes, keep),
    "ReduceSumSquare": lambda x, axes, keep: x.square().sum(axes, keep),
}


def reductions() -> None:
    for name, function in REDUCTIONS.items():
        for draw in range(6):
            rank = int(random.randint(1, 5))
            shape = random.randint(1, 5, rank).tolist()
            axes = [int(axis) for axis in random.permutation(rank)[: random.randint(1, rank + 1)]]
            axes = [axis - rank if random.randint(2) else axis for axis in axes]
            keep = int(random.randint(2))
            values = distinct(*shape) if name in ("ReduceMax", "ReduceMin", "ReduceL1") else positive(*shape)
            if name in ("ReduceProd", "ReduceSumSquare", "ReduceLogSumExp"):
                values = values * np.where(random.randint(2, size=shape), 1, -1)
            forward = lambda x, *_: function(x, axes, bool(keep))  # noqa: E731
            older = name != "ReduceSum" and draw % 2 == 0
            if older:
                case(f"{name.lower()}-attribute-{draw}", name, {"X": values}, forward, axes=axes, keepdims=keep)
            else:
                case(f"{name.lower()}-input-{draw}", name, {"X": values, "axes": np.array(axes)}, forward, opset=18, keepdims=keep)
        everything = lambda x, *_: function(x, list(range(3)), True)  # noqa: E731
        case(f"{name.lower()}-all", name, {"X": positive(2, 3, 2) + distinct(2, 3, 2) / 8}, everything, opset=18)
    for name in ("ReduceSum", "ReduceMean", "ReduceMax"):
        empty = {"X": normal(2, 3), "axes": np.array([], np.int64)}
        case(f"{name.lower()}-no-axes", name, empty, lambda x, _: x * 1, opset=18, noop_with_empty_axes=1)
    zeros = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 5.0], [2.0, 4.0, 1.5]])
    case("reduceprod-with-zeros", "ReduceProd", {"X": zeros}, lambda x: x.prod(1), axes=[1], keepdims=0)


def sums_along() -> None:
    for axis, shape in [(0, [5]), (1, [2, 4]), (-1, [2, 3, 4]), (1, [2, 3, 2, 2])]:
        for exclusive in (0, 1):
            for reverse in (0, 1):

                def forward(x, _):
                    value = x.flip(axis) if reverse else x
                    total = value.cumsum(axis) - (value if exclusive else 0)
                    return total.flip(axis) if reverse else total

                inputs = {"x": normal(*shape), "axis": np.array(axis)}
                case(f"cumsum-rank{len(shape)}-axis{axis}-{exclusive}{reverse}", "CumSum", inputs, forward, exclusive=exclusive, reverse=reverse)
    for upper, function in ((1, torch.triu), (0, torch.tril)):
        for diagonal, shape in [(0, [4, 4]), (1, [2, 3, 5]), (-2, [2, 2, 4, 3])]:
            inputs = {"input": normal(*shape), "k": np.array(diagonal)}
            case(f"trilu-{upper}-{diagonal}", "Trilu", inputs, lambda x, _: function(x, diagonal), upper=upper)

    def reversed_parts(x, lengths):
        columns = [torch.cat([x[:length, batch].flip(0), x[length:, batch]]) for batch, length in enumerate(lengths.tolist())]
        return torch.stack(columns, 1)

    case("reverse-sequence", "ReverseSequence", {"input": normal(4, 3, 2), "lens": np.array([4, 1, 3])}, reversed_parts, time_axis=0, batch_axis=1)


def add_cases() -> None:
    reductions()
    sums_along()
