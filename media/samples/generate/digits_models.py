"""Makes digits-mlp.onnx and digits-cnn.onnx beside digits.csv.gz.

Run: python media/samples/generate/digits_models.py   (versions: see exporting.py; about 20 s)

digits-mlp is the network of the BatchNorm paper's MNIST experiment on 8×8 digits: three sigmoid layers of 100 units
and a linear layer of 10. It is NOT trained: weights and biases are N(0, 0.1). No regularization.
digits-cnn is three Conv-BatchNorm-ReLU blocks. It is trained, so its running statistics are real.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from torch import nn

from exporting import SAMPLES, check, export, load_digits, name_nodes_after_modules


def digits_mlp() -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for index, inputs in enumerate([64, 100, 100], start=1):
        layers[f"fc{index}"] = nn.Linear(inputs, 100)
        layers[f"sigmoid{index}"] = nn.Sigmoid()
    layers["fc4"] = nn.Linear(100, 10)
    return nn.Sequential(layers)


def digits_cnn() -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 16, 3, padding=1, bias=False),
            bn1=nn.BatchNorm2d(16),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(16, 32, 3, padding=1, bias=False),
            bn2=nn.BatchNorm2d(32),
            relu2=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv3=nn.Conv2d(32, 64, 3, padding=1, bias=False),
            bn3=nn.BatchNorm2d(64),
            relu3=nn.ReLU(),
            pool2=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            fc=nn.Linear(64, 10),
        )
    )


def train_and_score(model: nn.Module, epochs: int = 12, batch: int = 32) -> float:
    """Adam on a seeded 60/20/20 split; the 20 % for validation stay unused. Returns test accuracy."""
    pixels, labels = load_digits()
    images, targets = torch.from_numpy(pixels).view(-1, 1, 8, 8), torch.from_numpy(labels)
    order = np.random.RandomState(0).permutation(len(labels))
    train, test = order[: int(0.6 * len(order))], order[int(0.8 * len(order)) :]
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(len(train)).split(batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[train[rows]]), targets[train[rows]]).backward()
            optimizer.step()
    with torch.no_grad():
        return (model.eval()(images[test]).argmax(1) == targets[test]).float().mean().item()


def main() -> None:
    torch.manual_seed(0)
    pixels = torch.from_numpy(load_digits()[0])

    mlp = digits_mlp()
    for parameter in mlp.parameters():
        nn.init.normal_(parameter, std=0.1)
    export(mlp, pixels[:2], SAMPLES / "digits-mlp.onnx")
    name_nodes_after_modules(SAMPLES / "digits-mlp.onnx")
    check(mlp, pixels[:7], SAMPLES / "digits-mlp.onnx")

    cnn = digits_cnn()
    accuracy = train_and_score(cnn)
    print(f"digits-cnn: test accuracy {accuracy:.4f}")
    assert accuracy >= 0.97
    images = pixels.view(-1, 1, 8, 8)
    export(cnn, images[:2], SAMPLES / "digits-cnn.onnx")
    name_nodes_after_modules(SAMPLES / "digits-cnn.onnx")
    check(cnn, images[:7], SAMPLES / "digits-cnn.onnx")


if __name__ == "__main__":
    main()
