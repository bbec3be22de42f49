"""Times PyTorch's eager training step: forward, cross-entropy, backward, Adam.

Run: python test/bench/train/pytorch_step.py [--network cnn28] [--batch 64] [--threads 2] [--steps 50]
Prints one line of JSON: {network, batch, threads, steps, medianMs, minMs, peakMiB, torch}   (torch 2.13.0, CPU)
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time

import torch
from networks import NETWORKS

WARM_UP = 10


def measure(network: str, batch: int, threads: int, steps: int) -> dict:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    build, shape = NETWORKS[network]
    model = build().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    inputs, labels = torch.randn(batch, *shape), torch.randint(0, 10, (batch,))
    milliseconds = []
    for _ in range(WARM_UP + steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
        milliseconds.append((time.perf_counter() - start) * 1000)
    measured = milliseconds[WARM_UP:]
    return {
        "network": network,
        "batch": batch,
        "threads": threads,
        "steps": steps,
        "medianMs": round(statistics.median(measured), 3),
        "minMs": round(min(measured), 3),
        # In kilobytes on Linux, in bytes on a Mac.
        "peakMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / (2**20 if sys.platform == "darwin" else 2**10),
        "torch": torch.__version__,
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--network", choices=list(NETWORKS), default="cnn28")
    arguments.add_argument("--batch", type=int, default=64)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--steps", type=int, default=50)
    print(json.dumps(measure(**vars(arguments.parse_args()))))


if __name__ == "__main__":
    main()
