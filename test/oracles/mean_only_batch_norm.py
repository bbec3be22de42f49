"""Makes mean-only-batch-norm.json.gz: mean-only batch normalization forward, gradients and running means.

Run: python test/oracles/mean_only_batch_norm.py   (Python 3.11, torch 2.13.0 (CPU), numpy 2.4.6; about 5 s)

Written out after Salimans and Kingma, "Weight Normalization", 2016, section 4: t = w·x, t~ = t − μ[t] + b with μ over
every axis but the channels, differentiated by PyTorch autograd in float64 (the paper's own ∇t L = ∇t~ L − μ[∇t~ L] is
not used). Inputs are multiples of 1/64, which float32 holds exactly.

{"nodes": [...], "networks": [...]}, where every array is {shape, data} in row-major order.
  nodes     one t~ = t − μ[t] + b: {name, momentum, t, b, running, outputGradient, output, gradients: {t, b}, nextRunning}
            with nextRunning = (1 − momentum)·running + momentum·μ[t]
  networks  x → Conv with w = g·v/‖v‖ a filter (padding 1) → mean-only → ReLU: {name, x, v, g, b, outputGradient, output,
            gradients: {x, v, g, b}, mean} with mean = μ[t]
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

FILE = Path(__file__).with_name("mean-only-batch-norm.json.gz")
random = np.random.RandomState(7)


def normal(*shape: int, mean: float = 0) -> torch.Tensor:
    return torch.from_numpy(np.round((random.normal(size=shape) + mean) * 64) / 64)


def described(values: torch.Tensor) -> dict:
    data = values.detach().numpy()
    return {"shape": list(data.shape), "data": [float(f"{value:.10g}") for value in data.ravel()]}


def channel_mean(t: torch.Tensor) -> torch.Tensor:
    """(N, C, …) to (C, 1, …)."""
    return t.mean(dim=[axis for axis in range(t.dim()) if axis != 1], keepdim=True)[0]


def node(name: str, shape: list[int], momentum: float, mean: float = 0) -> dict:
    t = normal(*shape, mean=mean).requires_grad_()
    b = normal(shape[1], *[1] * (len(shape) - 2)).requires_grad_()
    running = normal(shape[1], *[1] * (len(shape) - 2))
    output = t - channel_mean(t) + b
    seed = normal(*shape)
    gradients = torch.autograd.grad(output, [t, b], seed)
    return {
        "name": name,
        "momentum": momentum,
        "t": described(t),
        "b": described(b),
        "running": described(running),
        "outputGradient": described(seed),
        "output": described(output),
        "gradients": dict(zip(["t", "b"], map(described, gradients))),
        "nextRunning": described((1 - momentum) * running + momentum * channel_mean(t)),
    }


def network(name: str, shape: list[int], filters: int) -> dict:
    parts = {
        "x": normal(*shape),
        "v": normal(filters, shape[1], 3, 3),
        "g": normal(filters, 1, 1, 1, mean=2),
        "b": normal(filters, 1, 1),
    }
    x, v, g, b = [part.requires_grad_() for part in parts.values()]
    w = g * v / v.pow(2).sum(dim=(1, 2, 3), keepdim=True).sqrt()
    t = F.conv2d(x, w, padding=1)
    output = F.relu(t - channel_mean(t) + b)
    seed = normal(*output.shape)
    gradients = torch.autograd.grad(output, [x, v, g, b], seed)
    return {
        "name": name,
        **{key: described(part) for key, part in parts.items()},
        "outputGradient": described(seed),
        "output": described(output),
        "gradients": dict(zip(parts, map(described, gradients))),
        "mean": described(channel_mean(t)),
    }


def main() -> None:
    oracle = {
        "nodes": [
            node("dense", [8, 5], 0.1),
            node("one sample", [1, 3], 0.1),
            node("one channel", [6, 1, 4], 0.25),
            node("sequence", [4, 3, 7], 1),
            node("images", [3, 4, 5, 6], 0.1),
            node("volumes", [2, 3, 2, 3, 2], 0.5),
            node("a mean far from zero", [16, 3, 4, 4], 0.1, mean=50),
        ],
        "networks": [network("weight-normalized convolution", [3, 2, 5, 4], 4)],
    }
    FILE.write_bytes(gzip.compress(json.dumps(oracle).encode(), mtime=0))


main()
