"""Makes shared-start.json and test/fixtures/onnx/shared-start.onnx: training from a file in which parameters that start
equal are stored once.

Run: python test/oracles/shared_start.py   (versions: see media/samples/generate/exporting.py; about 10 s)

The network's biases start at 0, its BatchNorm as PyTorch makes it. The exporter writes tensors of equal shape and numbers
once, with an Identity node for each further name, so a BatchNorm's shift and running mean are one tensor in the file.
PyTorch trains each on its own. The layer `hidden` is used twice and has one weight and one bias, in the file as in PyTorch.

shared-start.json: {framework, runs: […]}, each run as in training-curves.json.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn
from training_curves import BUILDERS, ROOT, run

from exporting import check, export

MODEL = "test/fixtures/onnx/shared-start.onnx"
OPTIMIZERS = [
    {"name": "SGD", "lr": 0.2, "momentum": 0.9},
    {"name": "Adam", "lr": 1e-2, "betas": [0.9, 0.999], "eps": 1e-8},
]


class SharedStart(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d(2)
        self.project = nn.Linear(128, 16)
        self.hidden = nn.Linear(16, 16)
        self.fc = nn.Linear(16, 10)
        for layer in (self.project, self.hidden, self.fc):
            nn.init.zeros_(layer.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = torch.relu(self.bn1(self.conv1(images)))
        features = self.pool(torch.relu(self.bn2(self.conv2(features))))
        units = torch.relu(self.project(features.flatten(1)))
        for _ in range(2):
            units = torch.relu(self.hidden(units))
        return self.fc(units)


def main() -> None:
    torch.manual_seed(0)
    model, images = SharedStart(), torch.randn(2, 1, 8, 8)
    export(model, images, ROOT / MODEL)
    check(model, images, ROOT / MODEL)
    BUILDERS[MODEL] = SharedStart
    golden = {"framework": f"torch {torch.__version__}", "runs": [run(MODEL, each) for each in OPTIMIZERS]}
    Path(__file__).with_name("shared-start.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
