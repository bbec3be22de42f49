"""Makes optimizers.json: 20 steps of every optimizer on given gradients, float64.

Run: python test/oracles/optimizers.py   (versions: test/oracles/README.md; about 2 s)

All but LAMB are torch.optim's; LAMB is written out below from algorithm 2 of You et al. (2020), which torch has not.

optimizers.json:
  {framework, steps, parameters: [{dims, start}], gradients: [step][parameter][…],
   runs: [{name, optimizer (our options), clipping (or absent), finals: [parameter][…]}]}
  optimizer  what differs from {learningRate, momentum: 0, epsilon: 1e-8, weightDecay: 0, …} in our names
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

STEPS = 20
FLOAT = torch.float64
torch.manual_seed(11)
SHAPES = [[5, 4], [3]]


def exact(values: torch.Tensor) -> torch.Tensor:
    """Rounded to float32, so that both sides start from the same numbers."""
    return values.to(torch.float32).to(FLOAT)


STARTS = [exact(torch.randn(shape)) for shape in SHAPES]
# A slope with noise, of very different sizes: what the second moments are for.
GRADIENTS = [
    [exact((torch.randn(shape) + 0.5) * 10 ** torch.linspace(-2, 1, shape[0]).view(-1, *[1] * (len(shape) - 1)))
     for shape in SHAPES]
    for _ in range(STEPS)
]


class Lamb(torch.optim.Optimizer):
    """r = m̂/(√v̂ + ε), u = r + λ·w, w ← w − lr·‖w‖/‖u‖·u; the ratio is 1 where a norm is 0."""

    def __init__(self, parameters, lr, betas, eps, weight_decay):
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})
        self.count = 0

    @torch.no_grad()
    def step(self):
        self.count += 1
        for group in self.param_groups:
            (beta1, beta2), decay = group["betas"], group["weight_decay"]
            for weight in group["params"]:
                state = self.state[weight]
                first = state["first"] = beta1 * state.get("first", 0) + (1 - beta1) * weight.grad
                second = state["second"] = beta2 * state.get("second", 0) + (1 - beta2) * weight.grad**2
                corrected = first / (1 - beta1**self.count), second / (1 - beta2**self.count)
                update = corrected[0] / (corrected[1].sqrt() + group["eps"]) + decay * weight
                norms = weight.norm(), update.norm()
                ratio = norms[0] / norms[1] if norms[0] > 0 and norms[1] > 0 else 1
                weight.sub_(group["lr"] * ratio * update)


RUNS = [
    ("SGD", {"kind": "sgd", "learningRate": 0.05}, torch.optim.SGD, {"lr": 0.05}),
    ("momentum", {"kind": "sgd", "learningRate": 0.02, "momentum": 0.9}, torch.optim.SGD, {"lr": 0.02, "momentum": 0.9}),
    ("Nesterov", {"kind": "sgd", "learningRate": 0.02, "momentum": 0.9, "nesterov": True}, torch.optim.SGD,
     {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    ("RMSprop", {"kind": "rmsprop", "learningRate": 0.01}, torch.optim.RMSprop, {"lr": 0.01}),
    ("RMSprop, centered, with momentum",
     {"kind": "rmsprop", "learningRate": 0.01, "alpha": 0.9, "centered": True, "rmspropMomentum": 0.8, "epsilon": 1e-4},
     torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.9, "centered": True, "momentum": 0.8, "eps": 1e-4}),
    ("Adagrad", {"kind": "adagrad", "learningRate": 0.1, "epsilon": 1e-10}, torch.optim.Adagrad, {"lr": 0.1}),
    ("Adagrad from an accumulator", {"kind": "adagrad", "learningRate": 0.1, "initialAccumulator": 0.5, "epsilon": 1e-6},
     torch.optim.Adagrad, {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-6}),
    ("Adam", {"kind": "adam", "learningRate": 0.01}, torch.optim.Adam, {"lr": 0.01}),
    ("Adam, other betas", {"kind": "adam", "learningRate": 0.01, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
     torch.optim.Adam, {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3}),
    ("AdamW", {"kind": "adamw", "learningRate": 0.01, "weightDecay": 0.1}, torch.optim.AdamW,
     {"lr": 0.01, "weight_decay": 0.1}),
    ("LAMB", {"kind": "lamb", "learningRate": 0.01, "weightDecay": 0.1, "epsilon": 1e-6}, Lamb,
     {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-6, "weight_decay": 0.1}),
    ("LAMB without decay", {"kind": "lamb", "learningRate": 0.02, "epsilon": 1e-6}, Lamb,
     {"lr": 0.02, "betas": (0.9, 0.999), "eps": 1e-6, "weight_decay": 0}),
]


CLIPPED = [
    ("clipped by norm", {"norm": 2, "value": 0}),
    ("clipped by value", {"norm": 0, "value": 0.3}),
    ("clipped by value, then norm", {"norm": 0.5, "value": 0.4}),
    ("never long enough to be clipped", {"norm": 1e4, "value": 0}),
]


def run(optimizer, arguments, clipping=None) -> list[list[float]]:
    weights = [torch.nn.Parameter(start.clone()) for start in STARTS]
    update = optimizer(weights, **arguments)
    for gradients in GRADIENTS:
        for weight, gradient in zip(weights, gradients):
            weight.grad = gradient.clone()
        if clipping and clipping["value"] > 0:
            torch.nn.utils.clip_grad_value_(weights, clipping["value"])
        if clipping and clipping["norm"] > 0:
            torch.nn.utils.clip_grad_norm_(weights, clipping["norm"])
        update.step()
    return [weight.detach().flatten().tolist() for weight in weights]


def main() -> None:
    goldens = {
        "framework": f"torch {torch.__version__}",
        "steps": STEPS,
        "parameters": [{"dims": list(start.shape), "start": start.flatten().tolist()} for start in STARTS],
        "gradients": [[gradient.flatten().tolist() for gradient in step] for step in GRADIENTS],
        "runs": [
            {"name": name, "optimizer": ours, "finals": run(optimizer, arguments)}
            for name, ours, optimizer, arguments in RUNS
        ]
        + [
            {"name": name, "optimizer": RUNS[0][1], "clipping": clipping, "finals": run(*RUNS[0][2:], clipping)}
            for name, clipping in CLIPPED
        ],
    }
    Path(__file__).with_name("optimizers.json").write_text(json.dumps(goldens) + "\n")


if __name__ == "__main__":
    main()
