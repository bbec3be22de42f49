"""Makes schedules.json: learning rates of torch.optim.lr_scheduler, update by update or epoch by epoch.

Run: python test/oracles/schedules.py   (versions: test/oracles/README.md; about 2 s)

schedules.json:
  {framework, runs: [{name, learningRate, maxEpochs, updatesPerEpoch, schedule (our options), direction, metrics, rates}]}
  rates    one for each update, the rate it is made with
  metrics  of each epoch, for plateau; null is NaN
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from torch.optim import lr_scheduler

PLATEAU = [1.0, 0.9, 0.9, 0.89999, 0.9, 0.95, 0.8, 0.81, math.nan, 0.82, 0.8, 0.8, 0.8, 0.8, 0.79, 0.8, 0.8, 0.8, 0.8, 0.8]


def run(name, ours, make, epochs, per_epoch=1, lr=0.1, every="epoch", metrics=None, direction="min"):
    """every: whether the scheduler steps after each epoch or after each update."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=lr)
    schedulers = make(optimizer)
    rates = []
    for epoch in range(epochs):
        for _ in range(per_epoch):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if every == "update":
                schedulers.step()
        if every == "epoch":
            schedulers.step(*([] if metrics is None else [metrics[epoch]]))
    return {
        "name": name,
        "learningRate": lr,
        "maxEpochs": epochs,
        "updatesPerEpoch": per_epoch,
        "schedule": ours,
        "direction": direction,
        "metrics": None if metrics is None else [None if math.isnan(metric) else metric for metric in metrics],
        "rates": rates,
    }


def main() -> None:
    chained = lr_scheduler.ChainedScheduler
    runs = [
        run("step", {"kind": "step", "factor": 0.5, "everyEpochs": 3}, lambda o: lr_scheduler.StepLR(o, 3, 0.5), 10, 2),
        run("exponential", {"kind": "exponential", "epochFactor": 0.9},
            lambda o: lr_scheduler.ExponentialLR(o, 0.9), 10, 2),
        run("cosine", {"kind": "cosine"}, lambda o: lr_scheduler.CosineAnnealingLR(o, 12), 12, 2),
        run("cosine to a minimum", {"kind": "cosine", "minimum": 0.01},
            lambda o: lr_scheduler.CosineAnnealingLR(o, 12, 0.01), 12),
        run("one-cycle", {"kind": "one-cycle"},
            lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=40, cycle_momentum=False), 10, 4, every="update"),
        run("one-cycle, other shape", {"kind": "one-cycle", "peakAt": 0.45, "startDivisor": 10, "endDivisor": 100},
            lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=21, pct_start=0.45, div_factor=10,
                                              final_div_factor=100, cycle_momentum=False), 7, 3, every="update"),
        run("plateau", {"kind": "plateau", "factor": 0.5, "patience": 2},
            lambda o: lr_scheduler.ReduceLROnPlateau(o, "min", 0.5, 2), len(PLATEAU), metrics=PLATEAU),
        run("plateau with cooldown, minimum and threshold",
            {"kind": "plateau", "factor": 0.3, "patience": 1, "cooldown": 2, "minimum": 0.005, "threshold": 0.05},
            lambda o: lr_scheduler.ReduceLROnPlateau(o, "min", 0.3, 1, 0.05, cooldown=2, min_lr=0.005),
            len(PLATEAU), metrics=PLATEAU),
        run("plateau of what should rise", {"kind": "plateau", "factor": 0.1, "patience": 1},
            lambda o: lr_scheduler.ReduceLROnPlateau(o, "max", 0.1, 1), len(PLATEAU),
            metrics=[1 - metric for metric in PLATEAU], direction="max"),
        run("warm-up", {"kind": "constant", "warmUpEpochs": 3, "warmUpStart": 0.1},
            lambda o: lr_scheduler.LinearLR(o, 0.1, total_iters=12), 6, 4, every="update"),
        run("warm-up of a step", {"kind": "step", "factor": 0.5, "everyEpochs": 2, "warmUpEpochs": 4, "warmUpStart": 0.25},
            lambda o: chained([lr_scheduler.LinearLR(o, 0.25, total_iters=4), lr_scheduler.StepLR(o, 2, 0.5)]), 10),
        run("warm-up of a cosine", {"kind": "cosine", "warmUpEpochs": 3, "warmUpStart": 0.2},
            lambda o: chained([lr_scheduler.LinearLR(o, 0.2, total_iters=3), lr_scheduler.CosineAnnealingLR(o, 10)]), 10),
    ]
    goldens = {"framework": f"torch {torch.__version__}", "runs": runs}
    Path(__file__).with_name("schedules.json").write_text(json.dumps(goldens) + "\n")


if __name__ == "__main__":
    main()
