"""Makes training-curves.json and training-curves-100.json: PyTorch's training of the sample networks, step by step, and
digits-cnn-untrained.onnx.

Run: python test/oracles/training_curves.py   (versions: see media/samples/generate/exporting.py; about 30 s)

Each run starts from the weights and running statistics stored in the .onnx file and takes 12 steps over the first 256
digits in file order, batch 32, no shuffling: step i (from 0) takes rows 32·(i mod 8) and on. The loss is the mean
cross-entropy of the batch before the step's update. BatchNorm is in training mode; momentum 0.1 in torch's sense.
Weight decay goes to every parameter, biases and BatchNorm's included.

training-curves.json:
  {framework, precision, data: {rows, batch, steps},
   runs: [{model, optimizer: {name, …torch's arguments}, losses: [12], float32Losses: [12],
           parameters: {name: {norm, first}}, runningStatistics: {name: {norm, first}}}]}
  model              path from the repository's root
  losses             computed in float64; float32Losses shows how far plain float32 PyTorch strays from it
  norm, first        after the last step: the L2 norm and the first 8 values, row-major
  runningStatistics  bn1.running_mean; bn1.running_var (torch: unbiased, N/(N−1)); bn1.running_var_population (ONNX)

training-curves-100.json: runs of 100 steps, {model, optimizer, l2, losses: [100], float32Losses: [100]} each. The L2 penalty
½·l2·Σw² of every parameter is part of what is differentiated, and not of the losses.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "media/samples/generate"))

import onnx
import torch
from digits_models import digits_cnn, digits_mlp
from exporting import load_digits
from onnx import numpy_helper
from torch import nn

ROWS, BATCH, STEPS = 256, 32, 12
CNN, MLP = "media/samples/digits-cnn.onnx", "media/samples/digits-mlp.onnx"
UNTRAINED_CNN = "test/fixtures/onnx/digits-cnn-untrained.onnx"
BUILDERS = {MLP: digits_mlp, CNN: digits_cnn, UNTRAINED_CNN: digits_cnn}
OPTIMIZERS = [
    {"name": "SGD", "lr": 0.1},
    {"name": "SGD", "lr": 0.02, "momentum": 0.9},
    {"name": "SGD", "lr": 0.1, "weight_decay": 1e-3},
    {"name": "Adam", "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8},
    {"name": "AdamW", "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01},
]
LONG_STEPS, L2 = 100, 1e-3
LONG_MODELS = [MLP, UNTRAINED_CNN]
LONG_OPTIMIZERS = [
    {"name": "SGD", "lr": 0.05},
    {"name": "SGD", "lr": 0.01, "momentum": 0.9},
    {"name": "Adam", "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8},
    {"name": "AdamW", "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01},
]


def write_untrained_cnn() -> None:
    """digits-cnn with PyTorch's initial weights and fresh statistics, every tensor stored on its own."""
    torch.manual_seed(1)
    fresh = digits_cnn().state_dict()
    model = onnx.load(ROOT / CNN)
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(fresh[tensor.name].numpy(), tensor.name))
    onnx.save(model, ROOT / UNTRAINED_CNN)


def load(path: str, precision: torch.dtype) -> nn.Module:
    graph = onnx.load(ROOT / path).graph
    state = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    # An Identity stands for a tensor that was equal to another one at export.
    shared = [node for node in graph.node if node.op_type == "Identity"]
    state |= {node.output[0]: state[node.input[0]].clone() for node in shared}
    model = BUILDERS[path]()
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_var_population = layer.running_var.to(precision)
            layer.register_forward_pre_hook(track_population_variance)
    return model.to(precision).train()


def track_population_variance(layer: nn.BatchNorm2d, inputs: tuple[torch.Tensor]) -> None:
    variance = inputs[0].detach().var((0, 2, 3), unbiased=False)
    layer.running_var_population = (1 - layer.momentum) * layer.running_var_population + layer.momentum * variance


def train(
    path: str, optimizer: dict, precision: torch.dtype, steps: int = STEPS, l2: float = 0
) -> tuple[list[float], nn.Module]:
    pixels, labels = load_digits()
    inputs, targets = torch.from_numpy(pixels[:ROWS]).to(precision), torch.from_numpy(labels[:ROWS])
    if path != MLP:
        inputs = inputs.view(-1, 1, 8, 8)
    model = load(path, precision)
    arguments = {key: value for key, value in optimizer.items() if key != "name"}
    update = getattr(torch.optim, optimizer["name"])(model.parameters(), **arguments)
    losses = []
    for step in range(steps):
        rows = slice(step * BATCH % ROWS, step * BATCH % ROWS + BATCH)
        update.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs[rows]), targets[rows])
        penalty = l2 / 2 * sum(parameter.square().sum() for parameter in model.parameters())
        (loss + penalty).backward()
        update.step()
        losses.append(loss.item())
    return losses, model


def summary(tensor: torch.Tensor) -> dict:
    return {"norm": tensor.norm().item(), "first": tensor.flatten()[:8].tolist()}


def run(path: str, optimizer: dict) -> dict:
    float32_losses, _ = train(path, optimizer, torch.float32)
    losses, model = train(path, optimizer, torch.float64)
    statistics = {}
    for name, layer in model.named_modules():
        if isinstance(layer, nn.BatchNorm2d):
            for kind in ("running_mean", "running_var", "running_var_population"):
                statistics[f"{name}.{kind}"] = summary(getattr(layer, kind))
    stray = max(abs(a - b) / abs(b) for a, b in zip(float32_losses, losses))
    print(f"{path} {optimizer['name']}: {losses[0]:.6f} to {losses[-1]:.6f}, float32 strays {stray:.1e}")
    return {
        "model": path,
        "optimizer": optimizer,
        "losses": losses,
        "float32Losses": float32_losses,
        "parameters": {name: summary(parameter.detach()) for name, parameter in model.named_parameters()},
        "runningStatistics": statistics,
    }


def long_run(path: str, optimizer: dict) -> dict:
    losses, float32_losses = (
        train(path, optimizer, precision, LONG_STEPS, L2)[0] for precision in (torch.float64, torch.float32)
    )
    stray = [abs(a - b) / abs(b) for a, b in zip(float32_losses, losses)]
    print(f"{path} {optimizer['name']}: float32 strays {max(stray[:20]):.1e} in 20 steps, {max(stray):.1e} in {LONG_STEPS}")
    return {"model": path, "optimizer": optimizer, "l2": L2, "losses": losses, "float32Losses": float32_losses}


def main() -> None:
    write_untrained_cnn()
    runs = [long_run(path, optimizer) for path in LONG_MODELS for optimizer in LONG_OPTIMIZERS]
    long = {"framework": f"torch {torch.__version__}", "runs": runs}
    Path(__file__).with_name("training-curves-100.json").write_text(json.dumps(long) + "\n")
    curves = {
        "framework": f"torch {torch.__version__}",
        "precision": "float64",
        "data": {"rows": ROWS, "batch": BATCH, "steps": STEPS},
        "runs": [run(path, optimizer) for path in BUILDERS for optimizer in OPTIMIZERS],
    }
    Path(__file__).with_name("training-curves.json").write_text(json.dumps(curves, indent=1) + "\n")


if __name__ == "__main__":
    main()
