"""Makes weight-norm.json and test/fixtures/onnx/weight-norm-*.onnx: weight normalization as PyTorch exports it.

Run: python test/oracles/weight_norm.py   (Python 3.11, torch 2.13.0 (CPU), onnxscript; about 20 s)

One network with every shape of g that PyTorch has (one number a channel along axis 0 or 1, one number for the whole
weight), normalized by torch.nn.utils.weight_norm ("function") and torch.nn.utils.parametrizations.weight_norm
("parametrization"), each exported by TorchScript ("script") and by torch.export ("dynamo"). Both exporters multiply
small constants out by themselves, so that is switched off: larger weights keep the form in any case.

weight-norm.json:
  {shape, input, outputGradient, output: [number…],
   layers: [{layer, dims, weight, magnitude, direction, magnitudeGradient, directionGradient: [number…]}]}
  weight                                 g·v/‖v‖ in float64, row-major
  magnitudeGradient, directionGradient   of Σ outputGradient·output with respect to g and v, float64
"""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn
from torch.nn.utils import weight_norm as by_function
from torch.nn.utils.parametrizations import weight_norm as by_parametrization

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "test/fixtures/onnx"
SHAPE = (2, 2, 5, 5)
LAYERS = [0, 2, 4, 5, 6]

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
torch.set_num_threads(1)


def network(normalize) -> nn.Sequential:
    """g is moved away from ‖v‖, at which the product would be v itself."""
    torch.manual_seed(0)
    model = nn.Sequential(
        normalize(nn.Conv2d(2, 3, 3)),
        nn.ReLU(),
        normalize(nn.ConvTranspose2d(3, 4, 2), dim=1),
        nn.Flatten(),
        normalize(nn.Linear(4 * 4 * 4, 5)),
        normalize(nn.Linear(5, 4), dim=None),
        normalize(nn.Linear(4, 3), dim=1),
    )
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("weight_g", "original0")):
                parameter.mul_(0.5 + torch.rand_like(parameter))
    return model.eval()


def export(normalize, name: str) -> None:
    """Each exporter gets a network of its own, because exporting leaves marks on hooks."""
    example = (torch.zeros(SHAPE),)
    script, dynamo = FIXTURES / f"weight-norm-{name}-script.onnx", FIXTURES / f"weight-norm-{name}-dynamo.onnx"
    with torch.no_grad():
        torch.onnx.export(
            network(normalize), example, str(script), dynamo=False, opset_version=17, do_constant_folding=False
        )
        torch.onnx.export(
            network(normalize), example, str(dynamo), dynamo=True, optimize=False, external_data=False, verbose=False
        )
    without_notes(dynamo)
    for file in (script, dynamo):
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size} bytes")


def without_notes(file: Path) -> None:
    """torch.export notes the Python stack of every node, which is long and names this machine's folders."""
    model = onnx.load(file)
    graph = model.graph
    for message in [graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer]:
        message.ClearField("metadata_props")
    model.ClearField("metadata_props")
    onnx.save(model, file)


def numbers(tensor: torch.Tensor) -> list[float]:
    return [float(f"{value:.12g}") for value in tensor.detach().flatten().tolist()]


def golden(model: nn.Sequential) -> dict:
    torch.manual_seed(2)
    features = torch.randn(SHAPE).double()
    output = model(features)
    gradient = torch.randn(output.shape).double()
    output.backward(gradient)
    layers = []
    for layer in LAYERS:
        originals = model[layer].parametrizations.weight
        layers.append(
            {
                "layer": layer,
                "dims": list(model[layer].weight.shape),
                "weight": numbers(model[layer].weight),
                "magnitude": numbers(originals.original0),
                "direction": numbers(originals.original1),
                "magnitudeGradient": numbers(originals.original0.grad),
                "directionGradient": numbers(originals.original1.grad),
            }
        )
    return {
        "shape": SHAPE,
        "input": numbers(features),
        "outputGradient": numbers(gradient),
        "output": numbers(output),
        "layers": layers,
    }


def main() -> None:
    export(by_function, "function")
    export(by_parametrization, "parametrization")
    text = json.dumps(golden(network(by_parametrization).double()), indent=None)
    Path(__file__).with_name("weight-norm.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
