"""What gradients.py and its families share: random inputs, PyTorch's gradients, ONNX Runtime's second opinion."""

from __future__ import annotations

import math
from typing import Callable

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper

OPSET = 17

torch.set_num_threads(1)
random = np.random.RandomState(0)
cases: list[dict] = []


def normal(*shape: int) -> np.ndarray:
    return np.round(random.normal(size=shape) * 64) / 64


def distinct(*shape: int) -> np.ndarray:
    """No two values equal, none zero, neighbours 1/32 apart: no ties for a maximum, no kink at 0."""
    count = math.prod(shape)
    return ((random.permutation(count) - count // 2 + 0.5) / 32).reshape(shape)


def positive(*shape: int) -> np.ndarray:
    return np.round(random.uniform(0.5, 2, shape) * 64) / 64


def numbers(values: np.ndarray) -> list:
    """Ten significant digits: far beyond float32, and short in the file."""
    if values.dtype == np.int64:
        return values.ravel().tolist()
    return [float(f"{value:.10g}") for value in values.ravel()]


def described(values: np.ndarray) -> dict:
    return {"shape": list(values.shape), "data": numbers(values)}


def case(name: str, operator: str, inputs: dict[str, np.ndarray], forward: Callable, fixed: tuple[str, ...] = (), opset=OPSET, follow=None, known_to_runtime=True, **attributes):
    """Records one case. `forward` gets the inputs as tensors; inputs in `fixed` and integers get no gradient."""
    inputs = {key: np.asarray(value) for key, value in inputs.items()}
    tensors = {key: torch.from_numpy(np.asarray(value).copy()) for key, value in inputs.items()}
    followed = {key: each.requires_grad_() for key, each in tensors.items() if each.is_floating_point() and key not in fixed}
    outputs = forward(*tensors.values())
    outputs = outputs if isinstance(outputs, dict) else {"Y": outputs}
    first = outputs[follow] if follow else next(iter(outputs.values()))
    gradient = normal(*first.shape)
    followed_gradients = torch.autograd.grad(first, list(followed.values()), torch.from_numpy(np.asarray(gradient)))
    results = {key: each.detach().numpy() for key, each in outputs.items()}
    if known_to_runtime:
        check_with_onnxruntime(name, operator, inputs, results, attributes, opset)
    cases.append(
        {
            "name": name,
            "opType": operator,
            "opset": opset,
            "attributes": attributes,
            "inputs": [
                {"name": "" if key.startswith("omitted") else key, "type": "int64" if value.dtype == np.int64 else "float", **described(value)}
                for key, value in inputs.items()
            ],
            "outputs": [{"name": key, **described(value)} for key, value in results.items()],
            "outputGradient": described(np.asarray(gradient)),
            **({"follow": follow} if follow else {}),
            "gradients": {key: described(value.numpy()) for key, value in zip(followed, followed_gradients)},
        }
    )


def check_with_onnxruntime(name, operator, inputs, outputs, attributes, opset) -> None:
    if operator == "MeanSquaredError":
        return
    given = {key: value for key, value in inputs.items() if not key.startswith("omitted")}
    feeds = {key: value if value.dtype == np.int64 else value.astype(np.float32) for key, value in given.items()}
    types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}
    graph = helper.make_graph(
        [helper.make_node(operator, ["" if key.startswith("omitted") else key for key in inputs], list(outputs), **attributes)],
        "case",
        [helper.make_tensor_value_info(key, types[value.dtype], value.shape) for key, value in feeds.items()],
        [helper.make_tensor_value_info(key, TensorProto.INT64 if value.dtype == np.int64 else TensorProto.FLOAT, value.shape) for key, value in outputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for (key, expected), actual in zip(outputs.items(), session.run(None, feeds)):
        assert actual.shape == expected.shape, f"{name}: {key} {actual.shape} {expected.shape}"
        difference = np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-6)
        assert difference < 1e-5, f"{name}: {key} differs by {difference}"
