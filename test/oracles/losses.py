"""Makes losses.json: PyTorch's losses with their gradients for the model's output, float64.

Run: python test/oracles/losses.py   (versions: test/oracles/README.md; about 2 s)

losses.json:
  {framework, cases: [{name, loss, settings, shape, output, target, value, gradient, measured}]}
  loss      our name
  settings  {targets: "classes" | "numbers", labelSmoothing, classWeights (or absent), delta}
  shape     of the output, with the batch first; output, target and gradient are row-major
  value     the loss of the batch; measured the same without label smoothing
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch.nn import functional

torch.manual_seed(5)
FLOAT = torch.float64
WEIGHTS = [0.5, 2.0, 1.25, 3.0]


def number(shape: list[int], scale: float = 1.0) -> torch.Tensor:
    """Numbers that float32 holds exactly, so that both sides start from the same."""
    return (torch.randn(shape) * scale).to(FLOAT)


def distributions(rows: int, classes: int) -> torch.Tensor:
    return torch.softmax(torch.randn(rows, classes) * 2, 1).to(torch.float32).to(FLOAT)


def case(name: str, loss: str, output: torch.Tensor, target: torch.Tensor, value, **settings) -> dict:
    """value(output, smoothing): the loss as PyTorch computes it."""
    smoothing = settings.get("labelSmoothing", 0)
    output.requires_grad_(True)
    result = value(output, smoothing)
    result.backward()
    kinds = {"targets": "numbers" if target.is_floating_point() else "classes"}
    return {
        "name": name,
        "loss": loss,
        "settings": {"labelSmoothing": 0, "delta": 1, **kinds, **settings},
        "shape": list(output.shape),
        "output": output.detach().flatten().tolist(),
        "target": target.flatten().tolist(),
        "value": result.item(),
        "gradient": output.grad.flatten().tolist(),
        "measured": value(output, 0).item(),
    }


def cross_entropy_cases() -> list[dict]:
    cases = []
    labels = torch.tensor([0, 3, 1, 1, 2, 3])
    for name, target, settings in [
        ("labels", labels, {}),
        ("labels, smoothed", labels, {"labelSmoothing": 0.1}),
        ("labels, weighted", labels, {"classWeights": WEIGHTS}),
        ("labels, weighted and smoothed", labels, {"classWeights": WEIGHTS, "labelSmoothing": 0.2}),
        ("probabilities", distributions(6, 4), {}),
        ("probabilities, weighted and smoothed", distributions(6, 4), {"classWeights": WEIGHTS, "labelSmoothing": 0.2}),
    ]:
        weights = torch.tensor(settings["classWeights"], dtype=FLOAT) if "classWeights" in settings else None

        def value(output, smoothing, target=target, weights=weights):
            return functional.cross_entropy(output, target, weight=weights, label_smoothing=smoothing)

        cases.append(case(f"cross-entropy: {name}", "cross-entropy", number([6, 4], 3), target, value, **settings))
    far = torch.tensor([[200.0, -300.0, 0.0], [-150.0, 90.0, 89.0]], dtype=FLOAT)
    cases.append(
        case("cross-entropy: large logits", "cross-entropy", far, torch.tensor([1, 1]),
             lambda output, _: functional.cross_entropy(output, torch.tensor([1, 1])))
    )
    return cases


def binary_cases() -> list[dict]:
    cases = []
    for name, shape, settings in [("one output", [7, 1], {}), ("several, smoothed", [5, 3], {"labelSmoothing": 0.1})]:
        target = torch.randint(0, 2, shape).to(FLOAT)

        def value(output, smoothing, target=target):
            smoothed = (1 - smoothing) * target + smoothing / 2
            return functional.binary_cross_entropy_with_logits(output, smoothed)

        loss = "binary-cross-entropy"
        cases.append(case(f"{loss}: {name}", loss, number(shape, 2), target, value, **settings))
    far = torch.tensor([[120.0], [-95.0], [40.0]], dtype=FLOAT)
    target = torch.tensor([[0.0], [1.0], [1.0]], dtype=FLOAT)
    cases.append(
        case("binary-cross-entropy: large logits", "binary-cross-entropy", far, target,
             lambda output, _: functional.binary_cross_entropy_with_logits(output, target))
    )
    return cases


def number_cases() -> list[dict]:
    target = number([5, 3], 2)
    losses = [
        ("mean-squared-error", lambda output, _: functional.mse_loss(output, target), {}),
        ("mean-absolute-error", lambda output, _: functional.l1_loss(output, target), {}),
        ("huber", lambda output, _: functional.huber_loss(output, target, delta=1.5), {"delta": 1.5}),
    ]
    return [case(name, name, number([5, 3], 2), target, value, **settings) for name, value, settings in losses]


def divergence_cases() -> list[dict]:
    cases = []
    with_zeros = torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.5, 0.0, 0.25, 0.25]], dtype=FLOAT)
    for name, target in [("distributions", distributions(6, 4)), ("with zeros", with_zeros)]:

        def value(output, _, target=target):
            return functional.kl_div(torch.log_softmax(output, 1), target, reduction="batchmean")

        cases.append(case(f"kl-divergence: {name}", "kl-divergence", number([len(target), 4], 2), target, value))
    return cases


def main() -> None:
    cases = cross_entropy_cases() + binary_cases() + number_cases() + divergence_cases()
    goldens = {"framework": f"torch {torch.__version__}", "cases": cases}
    Path(__file__).with_name("losses.json").write_text(json.dumps(goldens, indent=1) + "\n")


if __name__ == "__main__":
    main()
