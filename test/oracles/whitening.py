"""Makes whitening.json.gz: iterative normalization forward, gradients and running statistics.

Run: python test/oracles/whitening.py   (Python 3.11, torch 2.13.0 (CPU), numpy 2.4.6; about 5 s)

Written out after Huang et al., "Iterative Normalization", 2019, algorithm 1, and differentiated by PyTorch autograd in
float64: Σ = X_c X_cᵀ/M + 1e-5·I, S = Σ/tr Σ, P_k = ½(3P_{k−1} − P_{k−1}³S), W = P_T/√tr Σ, X̂ = W X_c. Inputs are
multiples of 1/64, which float32 holds exactly.

A list of {name, opType, iterations, momentum, x, weight, bias, outputGradient, output, gradient, gradientScale,
nextWeight, nextBias},
where every array is {shape, data} in row-major order and
  gradient              the gradient of ⟨outputGradient, output⟩ with respect to x
  gradientScale         the largest |Wᵀ·outputGradient|, of which the other terms of the gradient may leave nothing
  nextWeight, nextBias  (1 − momentum)·weight + momentum·W, and the same of bias and −W·μ
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import torch

FILE = Path(__file__).with_name("whitening.json.gz")
random = np.random.RandomState(11)


def normal(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.round(random.normal(size=shape) * 64) / 64)


def described(values: torch.Tensor) -> dict:
    data = values.detach().numpy()
    return {"shape": list(data.shape), "data": [float(f"{value:.10g}") for value in data.ravel()]}


def case(name: str, shape: list[int], iterations: int, momentum: float = 0.1, mixed: float = 0.5) -> dict:
    """`mixed` is how much of one feature is in all, which makes them correlated."""
    x = normal(*shape)
    x = (torch.round((x + mixed * x[:, :1] + 0.25) * 64) / 64).requires_grad_()
    features = shape[1]
    rows = x.transpose(0, 1).reshape(features, -1)
    mean = rows.mean(dim=1, keepdim=True)
    centred = rows - mean
    covariance = centred @ centred.T / rows.shape[1] + 1e-5 * torch.eye(features, dtype=torch.float64)
    trace = torch.trace(covariance)
    normalized = covariance / trace
    p = torch.eye(features, dtype=torch.float64)
    for _ in range(iterations):
        p = 0.5 * (3 * p - torch.linalg.matrix_power(p, 3) @ normalized)
    whitening = p / torch.sqrt(trace)
    output = (whitening @ centred).reshape(features, shape[0], *shape[2:]).transpose(0, 1)
    seed = normal(*shape)
    (gradient,) = torch.autograd.grad(output, [x], seed)
    direct = whitening.T @ seed.transpose(0, 1).reshape(features, -1)
    weight = normal(features, features, *[1] * (len(shape) - 2))
    bias = normal(features)
    return {
        "name": name,
        "opType": "Gemm" if len(shape) == 2 else "Conv",
        "iterations": iterations,
        "momentum": momentum,
        "x": described(x),
        "weight": described(weight),
        "bias": described(bias),
        "outputGradient": described(seed),
        "output": described(output),
        "gradient": described(gradient),
        "gradientScale": float(direct.detach().abs().max()),
        "nextWeight": described((1 - momentum) * weight + momentum * whitening.reshape(weight.shape)),
        "nextBias": described((1 - momentum) * bias - momentum * (whitening @ mean)[:, 0]),
    }


def main() -> None:
    cases = [
        case("dense", [24, 5], 5),
        case("one iteration", [24, 4], 1),
        case("two iterations", [24, 4], 2),
        case("seven iterations", [40, 3], 7, momentum=1, mixed=0.25),
        case("one feature", [16, 1], 5),
        case("two rows of one feature", [2, 1], 5),
        case("strongly correlated", [32, 4], 5, mixed=4),
        case("fewer rows than features", [4, 6], 5),
        case("sequence", [4, 3, 7], 5, momentum=0.25),
        case("images", [3, 4, 5, 4], 5),
        case("volumes", [2, 3, 2, 3, 2], 4),
    ]
    FILE.write_bytes(gzip.compress(json.dumps(cases).encode(), mtime=0))


main()
