"""Gradient cases of transposed convolutions and of pooling, with random windows of one to three axes."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from gradient_case import case, distinct, normal, random


def draw(rank: int, low: int, high: int) -> list[int]:
    return random.randint(low, high, rank).tolist()


def torch_pads(pads: list[int]) -> list[int]:
    """ONNX [begin…, end…] to torch.nn.functional.pad's [last begin, last end, …]."""
    half = len(pads) // 2
    return [pads[axis + side * half] for axis in reversed(range(half)) for side in (0, 1)]


def transposed(name, x, weight, bias, cut_off, output, **attributes) -> None:
    """The full transposed convolution, cut by the pads and continued with zeros (and the bias) up to the stated output."""
    rank = len(output)
    function = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][rank - 1]
    strides, dilations, group = attributes["strides"], attributes["dilations"], attributes["group"]

    def forward(x, w, b=None):
        full = function(x, w, None, strides, 0, 0, group, dilations)
        ends = [cut_off[axis] + size - full.shape[axis + 2] for axis, size in enumerate(output)]
        cut = F.pad(full, torch_pads([-begin for begin in cut_off[:rank]] + ends))
        return cut if b is None else cut + b.reshape([-1] + [1] * rank)

    inputs = {"X": x, "W": weight} | ({} if bias is None else {"B": bias})
    case(name, "ConvTranspose", inputs, forward, **attributes)


def transposed_convolutions() -> None:
    done = 0
    while done < 24:
        rank = int(random.choice([1, 2, 2, 3]))
        group = int(random.choice([1, 1, 2, 3]))
        kernel, strides, dilations = draw(rank, 1, 4), draw(rank, 1, 4), draw(rank, 1, 3)
        sizes = draw(rank, 1, 4 if rank == 3 else 5)
        style = ["pads", "output_shape", "SAME_UPPER", "SAME_LOWER"][done % 4]
        natural = [(n - 1) * s + (k - 1) * d + 1 for n, k, s, d in zip(sizes, kernel, strides, dilations)]
        attributes: dict = dict(kernel_shape=kernel, strides=strides, dilations=dilations, group=group)
        if style == "pads":
            extra = [int(random.randint(s)) for s in strides]
            pads = draw(2 * rank, 0, 3)
            output = [n + more - pads[axis] - pads[axis + rank] for axis, (n, more) in enumerate(zip(natural, extra))]
            attributes |= dict(pads=pads, output_padding=extra)
        else:
            wanted = [max(n - int(random.randint(0, 4)), 1) for n in natural]
            output = wanted if style == "output_shape" else [min(n * s, most) for n, s, most in zip(sizes, strides, natural)]
            totals = [max(n - o, 0) for n, o in zip(natural, output)]
            begin = [t // 2 if style == "SAME_UPPER" else math.ceil(t / 2) for t in totals]
            pads = begin + [t - b for t, b in zip(totals, begin)]
            attributes |= dict(output_shape=output) if style == "output_shape" else dict(auto_pad=style)
        if min(output) < 1:
            continue
        channels, filters = group * int(random.randint(1, 3)), int(random.randint(1, 3))
        x, weight = normal(2 if rank < 3 else 1, channels, *sizes), normal(channels, filters, *kernel)
        bias = normal(filters * group) if random.randint(2) else None
        transposed(f"conv-transpose-random-{done}-{style.lower().replace('_', '-')}", x, weight, bias, pads, output, **attributes)
        done += 1


def windows(count: int):
    """Random windows that fit: kernel, strides, dilations, pads, ceil_mode, shape, and what the last windows read beyond the pads."""
    done = 0
    while done < count:
        rank = 1 + done % 3
        kernel, strides, dilations = draw(rank, 1, 4), draw(rank, 1, 4), draw(rank, 1, 3)
        pads = [int(random.randint(kernel[axis % rank])) for axis in range(2 * rank)]
        ceil = int(random.randint(2))
        sizes = draw(rank, 3, 6 if rank == 3 else 9)
        rooms = [n + pads[axis] + pads[axis + rank] - (k - 1) * d - 1 for axis, (n, k, d) in enumerate(zip(sizes, kernel, dilations))]
        if min(rooms) < 0:
            continue
        counts = [(math.ceil(room / s) if ceil else room // s) + 1 for room, s in zip(rooms, strides)]
        counts = [c - 1 if ceil and (c - 1) * s >= n + pads[axis] else c for axis, (c, s, n) in enumerate(zip(counts, strides, sizes))]
        beyond = [max((c - 1) * s - room, 0) for c, s, room in zip(counts, strides, rooms)]
        attributes = dict(kernel_shape=kernel, strides=strides, dilations=dilations, pads=pads, ceil_mode=ceil)
        yield done, [int(random.randint(1, 3)), int(random.randint(1, 3)), *sizes], attributes, beyond, counts
        done += 1


def taps(x, attributes, beyond, counts, fill):
    """Every window's numbers in a new last axis, after padding with `fill`."""
    rank = len(counts)
    begin, end = attributes["pads"][:rank], attributes["pads"][rank:]
    padded = F.pad(x, torch_pads(begin + [e + b for e, b in zip(end, beyond)]), value=fill)
    for axis, (size, stride, dilation, count) in enumerate(zip(attributes["kernel_shape"], attributes["strides"], attributes["dilations"], counts)):
        places = torch.arange(count)[:, None] * stride + torch.arange(size)[None] * dilation
        padded = torch.movedim(torch.index_select(padded, axis + 2, places.flatten()).unflatten(axis + 2, places.shape), axis + 3, -1)
    return padded.flatten(2 + rank)


def pools() -> None:
    for number, shape, attributes, beyond, counts in windows(18):
        most = lambda x: taps(x, attributes, beyond, counts, -math.inf).amax(-1)  # noqa: E731
        case(f"max-pool-random-{number}", "MaxPool", {"X": distinct(*shape)}, most, opset=12, **attributes)
    for number, shape, attributes, beyond, counts in windows(18):
        include = int(random.randint(2))
        inner = dict(attributes, pads=[0] * len(attributes["pads"]))
        rank = len(counts)

        def average(x):
            ones = torch.ones_like(x)
            if include:  # the padding counts, what ceil_mode reads beyond it does not
                ones, x = (F.pad(each, torch_pads(attributes["pads"]), value=value) for each, value in ((ones, 1), (x, 0)))
            how = inner if include else attributes
            return taps(x, how, beyond, counts, 0).sum(-1) / taps(ones, how, beyond, counts, 0).sum(-1)

        case(f"average-pool-random-{number}", "AveragePool", {"X": normal(*shape)}, average, opset=19, count_include_pad=include, **attributes)
    for number, shape, attributes, beyond, counts in windows(12):
        p = 1 + number % 3
        norm = lambda x: (taps(x, attributes, beyond, counts, 0).abs() ** p).sum(-1) ** (1 / p)  # noqa: E731
        case(f"lp-pool-random-{number}", "LpPool", {"X": distinct(*shape)}, norm, opset=18, p=p, **attributes)
    for shape in ([2, 3, 5], [1, 2, 3, 4], [1, 2, 3, 2, 2]):
        axes = list(range(2, len(shape)))
        case(f"global-max-pool-rank{len(shape)}", "GlobalMaxPool", {"X": distinct(*shape)}, lambda x: x.amax(axes, keepdim=True))
        for p in (1, 2, 3):
            norm = lambda x: (x.abs() ** p).sum(axes, keepdim=True) ** (1 / p)  # noqa: E731
            case(f"global-lp-pool-{p}-rank{len(shape)}", "GlobalLpPool", {"X": distinct(*shape)}, norm, p=p)
    for sizes, kernel, strides in [([4, 6], [2, 2], [2, 2]), ([7], [3], [2]), ([6, 3], [2, 1], [3, 1])]:
        shape = [2, 2, *sizes]
        pool = [F.max_pool1d, F.max_pool2d][len(sizes) - 1]
        pooled, within = pool(torch.from_numpy(distinct(*shape)), kernel, strides, return_indices=True)
        if len(torch.unique(within[0, 0])) < within[0, 0].numel():
            continue
        # PyTorch counts positions within a channel of the unpooled image, ONNX over the whole tensor.
        unpooled = [(n - 1) * s + k for n, s, k in zip(pooled.shape[2:], strides, kernel)]
        within = within % math.prod(unpooled)
        area = math.prod(unpooled)
        flat = within.flatten(2) + area * torch.arange(4).reshape(2, 2, 1)
        inputs = {"X": normal(*pooled.shape), "I": flat.reshape(pooled.shape).numpy()}

        def unpool(x, places):
            return torch.zeros(4 * area, dtype=x.dtype).index_put((places.flatten(),), x.flatten()).reshape(2, 2, *unpooled)

        if len(torch.unique(flat)) == flat.numel():
            case(f"max-unpool-{'x'.join(map(str, sizes))}", "MaxUnpool", inputs, unpool, kernel_shape=kernel, strides=strides)


def add_cases() -> None:
    transposed_convolutions()
    pools()
