"""Makes weight-regularization.json: PyTorch's training with max-norm, L1, L2 and weight normalization, step by step.

Run: python test/oracles/weight_regularization.py   (versions: see media/samples/generate/exporting.py; about 10 s)

The data, the models and the steps are those of training_curves.py. Max-norm is torch.renorm of every weight after the
step, over all axes but the first; a weight under torch.nn.utils.parametrizations.weight_norm starts as g = ‖w‖, v = w,
and its g is clamped instead. The penalty l1·Σ|w| + ½·l2·Σw² is of every weight as its layer reads it.

weight-regularization.json:
  {framework, precision, data: {rows, batch, steps},
   runs: [{model, optimizer: {name, …torch's arguments}, l1, l2, limit, weightNorm, losses: [12], limited,
           parameters: {name: {norm, first}}}]}
  losses    of the data alone, before the step's update
  limited   how many units the limit held in all steps together
  parameters  after the last step, the name of the weight's ONNX initializer for v and that with "_g" for g
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "media/samples/generate"))

import torch
from exporting import load_digits
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from training_curves import BATCH, MLP, ROWS, STEPS, UNTRAINED_CNN, load, summary

SGD = {"name": "SGD", "lr": 0.1}
MOMENTUM = {"name": "SGD", "lr": 0.02, "momentum": 0.9}
ADAM = {"name": "Adam", "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8}
RUNS = [
    {"model": MLP, "optimizer": SGD, "l1": 0, "l2": 0, "limit": 0.6, "weightNorm": False},
    {"model": UNTRAINED_CNN, "optimizer": MOMENTUM, "l1": 0, "l2": 0, "limit": 0.6, "weightNorm": False},
    {"model": MLP, "optimizer": SGD, "l1": 1e-3, "l2": 1e-2, "limit": 0, "weightNorm": False},
    {"model": UNTRAINED_CNN, "optimizer": ADAM, "l1": 1e-2, "l2": 0, "limit": 0, "weightNorm": False},
    {"model": MLP, "optimizer": SGD, "l1": 0, "l2": 0, "limit": 0, "weightNorm": True},
    {"model": UNTRAINED_CNN, "optimizer": SGD, "l1": 1e-3, "l2": 1e-2, "limit": 0.6, "weightNorm": True},
]


def layers(model: nn.Module) -> dict[str, nn.Module]:
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, (nn.Conv2d, nn.Linear))}


def project(layer: nn.Module, limit: float) -> int:
    """How many units were longer than the limit."""
    with torch.no_grad():
        if nn.utils.parametrize.is_parametrized(layer, "weight"):
            magnitude = layer.parametrizations.weight.original0
            longer = int((magnitude.abs() > limit).sum())
            magnitude.clamp_(-limit, limit)
        else:
            longer = int((layer.weight.flatten(1).norm(dim=1) > limit).sum())
            layer.weight.copy_(torch.renorm(layer.weight, 2, 0, limit))
    return longer


def run(settings: dict) -> dict:
    path, optimizer, limit = settings["model"], settings["optimizer"], settings["limit"]
    pixels, labels = load_digits()
    inputs, targets = torch.from_numpy(pixels[:ROWS]).double(), torch.from_numpy(labels[:ROWS])
    if path != MLP:
        inputs = inputs.view(-1, 1, 8, 8)
    model = load(path, torch.float64)
    if settings["weightNorm"]:
        for layer in layers(model).values():
            weight_norm(layer)
    arguments = {key: value for key, value in optimizer.items() if key != "name"}
    update = getattr(torch.optim, optimizer["name"])(model.parameters(), **arguments)
    losses, limited = [], 0
    for step in range(STEPS):
        rows = slice(step * BATCH % ROWS, step * BATCH % ROWS + BATCH)
        update.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs[rows]), targets[rows])
        weights = [layer.weight for layer in layers(model).values()]
        penalty = sum(settings["l1"] * w.abs().sum() + settings["l2"] / 2 * w.square().sum() for w in weights)
        (loss + penalty).backward()
        update.step()
        if limit > 0:
            limited += sum(project(layer, limit) for layer in layers(model).values())
        losses.append(loss.item())
    names = {".parametrizations.weight.original0": ".weight_g", ".parametrizations.weight.original1": ".weight"}
    parameters = {}
    for name, parameter in model.named_parameters():
        for theirs, ours in names.items():
            name = name.replace(theirs, ours)
        parameters[name] = summary(parameter.detach())
    print(f"{path} {settings}: {losses[0]:.6f} to {losses[-1]:.6f}, {limited} limited")
    return {**settings, "losses": losses, "limited": limited, "parameters": parameters}


def main() -> None:
    goldens = {
        "framework": f"torch {torch.__version__}",
        "precision": "float64",
        "data": {"rows": ROWS, "batch": BATCH, "steps": STEPS},
        "runs": [run(settings) for settings in RUNS],
    }
    Path(__file__).with_name("weight-regularization.json").write_text(json.dumps(goldens, indent=1) + "\n")


if __name__ == "__main__":
    main()
