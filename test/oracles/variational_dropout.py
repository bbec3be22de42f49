"""Writes variational-dropout.json: outputs and gradients of variational dropout in PyTorch, float64.

The noise is part of the file, so that NormLens computes with the same. The loss is the sum of
outputGradient * y; the divergence is that of Molchanov et al. 2017, eq. 14, on log alpha.
"""

import json
from pathlib import Path

import torch

torch.manual_seed(7)
torch.set_default_dtype(torch.float64)


def values(tensor):
    return {"shape": list(tensor.shape), "data": [round(v, 9) for v in tensor.detach().flatten().tolist()]}


def rounded(*shape, scale=1.0, shift=0.0):
    return (torch.randn(*shape) * scale + shift).float().double().mul(2**12).round().div(2**12).requires_grad_()


def finish(name, y, noise, inputs):
    gradient = rounded(*y.shape).detach()
    (gradient * y).sum().backward()
    return {
        "name": name,
        "noise": values(noise),
        "outputGradient": values(gradient),
        "inputs": {key: values(value) for key, value in inputs.items()},
        "y": values(y),
        "gradients": {key: values(value.grad) for key, value in inputs.items()},
    }


def units(name, shape, strengths):
    x = rounded(*shape)
    log_alpha = rounded(*strengths, scale=2.0, shift=-1.0)
    noise = rounded(*shape).detach()
    y = x * (1 + torch.exp(0.5 * log_alpha) * noise)
    return finish(name, y, noise, {"x": x, "logAlpha": log_alpha})


def dense(name, with_bias):
    x, w, b = rounded(5, 4), rounded(4, 3), rounded(3)
    log_alpha = rounded(4, 3, scale=2.0, shift=-1.0)
    noise = rounded(5, 3).detach()
    mean = x @ w + (b if with_bias else 0)
    y = mean + torch.sqrt((x * x) @ (torch.exp(log_alpha) * w * w) + 1e-16) * noise
    inputs = {"x": x, "w": w, "logAlpha": log_alpha}
    return finish(name, y, noise, inputs | ({"b": b} if with_bias else {}))


def convolution(name):
    x, w, b = rounded(2, 3, 5, 5), rounded(4, 3, 3, 3), rounded(4)
    log_alpha = rounded(4, 3, 3, 3, scale=2.0, shift=-1.0)
    mean = torch.nn.functional.conv2d(x, w, b, padding=1)
    noise = rounded(*mean.shape).detach()
    variance = torch.nn.functional.conv2d(x * x, torch.exp(log_alpha) * w * w, padding=1)
    y = mean + torch.sqrt(variance + 1e-16) * noise
    return finish(name, y, noise, {"x": x, "w": w, "b": b, "logAlpha": log_alpha})


def divergence():
    log_alpha = torch.tensor([-12.0, -8.0, -3.0, -1.0, 0.0, 0.5, 2.0, 3.0, 8.0, 12.0], requires_grad=True)
    k1, k2, k3 = 0.63576, 1.87320, 1.48695
    kl = -(k1 * torch.sigmoid(k2 + k3 * log_alpha) - 0.5 * torch.log1p(torch.exp(-log_alpha)) - k1)
    kl.sum().backward()
    return {"logAlpha": values(log_alpha), "sum": kl.sum().item(), "gradient": values(log_alpha.grad)}


cases = [
    units("units of a dense layer", (5, 4), (4,)),
    units("units of a convolution", (2, 3, 4, 4), (3, 1, 1)),
    dense("weights of Gemm", True),
    dense("weights of MatMul", False),
    convolution("weights of Conv"),
]
path = Path(__file__).with_name("variational-dropout.json")
path.write_text(json.dumps({"cases": cases, "divergence": divergence()}) + "\n")
