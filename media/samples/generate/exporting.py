"""Helpers that every model generator shares: digits, BatchNorm statistics, and an ONNX export that keeps BatchNorm.

Versions used: Python 3.11, torch 2.13.0 (CPU), torchvision 0.28.0 (--no-deps), onnx 1.23.1, onnxruntime 1.30.0, numpy 2.4.6.
"""

from __future__ import annotations

import csv
import gzip
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

SAMPLES = Path(__file__).resolve().parent.parent
OPSET = 17

torch.set_num_threads(1)


def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """All 1,797 digits in file order: pixels / 16 as float32 [1797, 64] and labels as int64 [1797]."""
    with gzip.open(SAMPLES / "digits.csv.gz", "rt") as file:
        rows = np.array(list(csv.reader(file))[1:], dtype=np.int64)
    return (rows[:, :64] / 16).astype(np.float32), rows[:, 64]


def randomize_batch_norm(model: nn.Module, generator: torch.Generator) -> None:
    """Statistics as a trained model has them. Fresh ones are equal tensors, which the exporter would share."""
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.running_mean.normal_(0, 0.1, generator=generator)
            layer.running_var.uniform_(0.5, 2, generator=generator)
            layer.weight.data.uniform_(0.5, 1.5, generator=generator)
            layer.bias.data.normal_(0, 0.1, generator=generator)


def export(model: nn.Module, example: torch.Tensor, path: Path, output: str = "logits") -> None:
    """Writes the inference graph with BatchNorm nodes kept and a dynamic batch axis "N"."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(),
            (example,),
            str(path),
            dynamo=False,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            opset_version=OPSET,
            input_names=["x"],
            output_names=[output],
            dynamic_axes={"x": {0: "N"}, output: {0: "N"}},
        )


def name_nodes_after_modules(path: Path) -> None:
    """Renames node `/conv1/Conv` and its value `/conv1/Conv_output_0` to `conv1`. For models without nested modules."""
    model = onnx.load(path)
    outputs = {value.name for value in model.graph.output}
    renamed: dict[str, str] = {}
    for node in model.graph.node:
        node.name = node.name.split("/")[1]
        for index, value in enumerate(node.output):
            if value not in outputs:
                renamed[value] = node.name if index == 0 else f"{node.name}:{index}"
    for node in model.graph.node:
        node.input[:] = [renamed.get(value, value) for value in node.input]
        node.output[:] = [renamed.get(value, value) for value in node.output]
    del model.graph.value_info[:]
    onnx.save(model, path)


def check(model: nn.Module, example: torch.Tensor, path: Path) -> None:
    """The file is valid ONNX and ONNX Runtime computes what PyTorch computes, to float32 rounding."""
    onnx.checker.check_model(str(path), full_check=True)
    with torch.no_grad():
        expected = model.eval()(example).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (actual,) = session.run(None, {"x": example.numpy()})
    difference = float(np.abs(actual - expected).max() / np.abs(expected).max())
    assert difference < 1e-5, f"{path.name}: differs from PyTorch by {difference}"
    print(f"{path.name}: {path.stat().st_size} bytes, relative difference {difference:.1e}")
