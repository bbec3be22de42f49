"""Makes early_stopping_curves.json.gz: where each framework stops on 10,000 random curves.

Run: python test/oracles/early_stopping_curves.py FOLDER   (about two minutes)
FOLDER has TensorFlow.js: npm install --prefix FOLDER @tensorflow/tfjs-layers@4.22.0 @tensorflow/tfjs-core@4.22.0
Versions: Python 3.11, keras 3.15.1, pytorch-lightning 2.6.6, scikit-learn 1.9.1, torch 2.13.0.

Nothing is written down from memory here: Keras, Lightning and TF.js are their callbacks, fed one value an epoch, the
MLP is its own _update_no_improvement_count, the SGD its own _plain_sgd64, which gets a score from a callback (mode max),
or (mode min) the loss of one sample without features, |y| - 1/2, whose y is set anew as it prints the epoch's number.

{curves: [text, ...]}, each text of ten parts between blanks:
  curve minDelta patience mode baseline startFrom stoppingThreshold divergenceThreshold flags results
A number is one digit of the alphabet 0-9A-Za-z (0 to 61).
  curve      a digit an epoch, standing for 1 + digit/8; "!" is NaN, "+" and "-" the infinities
  minDelta   digit/8
  mode       "min" or "max"
  baseline, stoppingThreshold, divergenceThreshold: as a value of the curve, "." for none
  flags      two of 0 and 1: restoreBest (Keras), checkFinite (Lightning)
  results    keras, lightning, tfjs, sklearn-mlp, sklearn-sgd; each: epochs run, best epoch and restored epoch (from 0; "."
             for none), and why it stopped: p(atience), t(hreshold), d(ivergence), n(ot finite), "." where it did not.
             "...." where the framework cannot be given the curve: a training loss of -infinity.
"""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

import early_stopping as frameworks
import numpy as np
from scipy.sparse import csr_matrix
from sklearn._loss._loss import CyHuberLoss
from sklearn.linear_model._sgd_fast import _plain_sgd64
from sklearn.utils._seq_dataset import CSRDataset64

COUNT = 10_000
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SPECIAL = {"!": frameworks.NAN, "+": frameworks.INF, "-": -frameworks.INF}


def value_of(code: str) -> float | None:
    return None if code == "." else SPECIAL[code] if code in SPECIAL else 1 + DIGITS.index(code) / 8


def random_curve(draw: random.Random, mode: str) -> str:
    """Falls by a random fraction, with noise, plateaus and jumps; mirrored for mode max."""
    kind, length = draw.randrange(5), 4 + draw.randrange(27)
    level, noise, codes = float(20 + draw.randrange(42)), draw.choice([0, 0, 1, 3, 8]), []
    for _ in range(length):
        if kind == 0:
            level = draw.uniform(0, 61)
        elif kind == 1:
            level *= draw.uniform(0.75, 1.05)
        elif kind == 2:
            level -= draw.choice([0, 0, 0, 1, 2, -1])
        elif kind == 3:
            level = level * 0.8 if len(codes) < length / 3 else level + draw.choice([0, 1, 1])
        shown = min(61, max(0, round(level + draw.uniform(-noise, noise))))
        codes.append(DIGITS[shown if mode == "min" else 61 - shown])
    broken = draw.choice([0, 0, 0, 0.05, 0.2])
    codes = [draw.choice("!!+-") if draw.random() < broken else code for code in codes]
    if draw.random() < 0.03:
        codes[0] = "!"
    return "".join(codes)


def random_case(draw: random.Random) -> list[str]:
    mode = draw.choice(["min", "max"])
    maybe = lambda share: draw.choice(DIGITS) if draw.random() < share else "."  # noqa: E731
    return [
        random_curve(draw, mode), DIGITS[draw.choice([0, 0, 1, 2, 4, 8])], DIGITS[draw.randrange(11)], mode, maybe(0.4),
        DIGITS[draw.choice([0, 0, 0, 1, 2, 5, 9])], maybe(0.3), maybe(0.3), f"{draw.randrange(2)}{draw.randrange(2)}",
    ]  # fmt: skip


class Hook:
    """Standard output while scikit-learn runs: each epoch's first line sets the next target."""

    def __init__(self, values, targets):
        self.values, self.targets, self.epoch = values, targets, 0

    def write(self, text: str) -> None:
        if text.startswith("-- Epoch"):
            # Huber's loss with delta 1 is |y| - 1/2 above 1.
            self.targets[0] = self.values[min(self.epoch, len(self.values) - 1)] + 0.5
            self.epoch += 1

    def flush(self) -> None:
        pass


def sgd_rule(values, mode, patience, minDelta):
    """SGD on one sample without features, so that no weight moves."""
    targets, scores = np.ones(1), iter(values)
    matrix = csr_matrix((1, 1))
    dataset = CSRDataset64(matrix.data, matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), targets, np.ones(1))
    best, best_epoch = (frameworks.INF if mode == "min" else -frameworks.INF), None
    hook, usual = Hook(values, targets), sys.stdout
    sys.stdout = hook
    try:
        epochs = _plain_sgd64(
            np.zeros(1), 0.0, None, 0.0, CyHuberLoss(1.0), 2, 0.0, 0.0, dataset, np.zeros(1, dtype=np.uint8), mode == "max",
            lambda *_: next(scores), patience, len(values), minDelta, 0, int(mode == "min"), False, 0, 1.0, 1.0, 1, 0.0, 0.5, False,
        )[-1]  # fmt: skip
    finally:
        sys.stdout = usual
    # It keeps its best to itself; which value is the best so far needs no rule.
    for epoch, value in enumerate(values[:epochs]):
        if value < best if mode == "min" else value > best:
            best, best_epoch = value, epoch
    return epochs, best_epoch


def sgd_result(values, mode, patience, minDelta) -> str:
    if mode == "min" and -frameworks.INF in values:
        return "...."
    epochs, best_epoch = sgd_rule(values, mode, patience, minDelta)
    # Whether the last epoch ended it is seen on the same curve with one more value.
    longer, _ = sgd_rule([*values, values[-1]], mode, patience, minDelta)
    return packed({"epochsRun": epochs, "stopped": longer == epochs, "bestEpoch": best_epoch})


def packed(result: dict) -> str:
    """@param result as early_stopping.py and early_stopping_tfjs.mjs make them."""
    digit = lambda epoch: "." if epoch is None else DIGITS[epoch]  # noqa: E731
    reason = (result.get("reason") or "patience")[0] if result["stopped"] else "."
    return DIGITS[result["epochsRun"]] + digit(result["bestEpoch"]) + digit(result.get("restoredEpoch")) + reason


def main() -> None:
    draw = random.Random(78)
    cases = [random_case(draw) for _ in range(COUNT)]
    given, options = [], []
    for curve, min_delta, patience, mode, baseline, start, stopping, divergence, flags in cases:
        given.append([value_of(code) for code in curve])
        options.append({
            "common": {"mode": mode, "minDelta": DIGITS.index(min_delta) / 8}, "patience": DIGITS.index(patience),
            "baseline": value_of(baseline), "startFrom": DIGITS.index(start), "restoreBest": flags[0] == "1",
            "checkFinite": flags[1] == "1", "stoppingThreshold": value_of(stopping), "divergenceThreshold": value_of(divergence),
        })  # fmt: skip
    asked = [
        {"values": [frameworks.plain(value) for value in values],
         "options": option["common"] | {key: option[key] for key in ("patience", "baseline") if option[key] is not None}}
        for values, option in zip(given, options, strict=True)
    ]  # fmt: skip
    script = Path(__file__).with_name("early_stopping_tfjs.mjs")
    answer = subprocess.run(["node", script, sys.argv[1]], input=json.dumps(asked), capture_output=True, text=True, check=True)
    texts = []
    for case, values, option, tfjs in zip(cases, given, options, json.loads(answer.stdout), strict=True):
        common, patience = option["common"], option["patience"]
        pick = lambda *names: {name: option[name] for name in names}  # noqa: B023, E731
        # scikit-learn takes no patience under 1.
        least = max(1, patience)
        results = [
            packed(frameworks.keras_rule(values, patience=patience, **common, **pick("baseline", "startFrom", "restoreBest"))),
            packed(frameworks.lightning_rule(
                values, patience=patience, **common, **pick("checkFinite", "stoppingThreshold", "divergenceThreshold"))),
            packed(tfjs),
            packed(frameworks.sklearn_mlp_rule(values, patience=least, **common)),
            sgd_result(values, patience=least, **common),
        ]  # fmt: skip
        texts.append(" ".join([*case, "".join(results)]))
    content = json.dumps({"curves": texts}, separators=(",", ":")).encode()
    path = Path(__file__).with_name("early_stopping_curves.json.gz")
    path.write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{len(texts)} curves, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
