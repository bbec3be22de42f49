"""Makes early_stopping.json: where each framework's early stopping stops, and which epoch it calls the best.

Run: python test/oracles/early_stopping.py   (about 20 s)
Versions: Python 3.11, keras 3.15.1, pytorch-lightning 2.6.6, scikit-learn 1.9.1, torch 2.13.0.

Keras, Lightning and scikit-learn's MLP are the real callbacks, fed one value per epoch. The rules of TF.js
(@tensorflow/tfjs-layers 4.22 callbacks.ts) and scikit-learn's SGD (_sgd_fast.pyx) are rewritten here; their cases were
once compared with the real ones (SGD: those with a score). All values are short binary fractions, so that no comparison
depends on the precision it is made in.

A list of {rule, sequence, options, values, epochsRun, stopped, bestEpoch, bestValue, restoredEpoch, reason}:
  rule           "keras" | "lightning" | "tfjs" | "sklearn-mlp" | "sklearn-sgd"
  options        {mode: "min" | "max", patience, minDelta?, baseline?, startFrom?, restoreBest?, stoppingThreshold?,
                 divergenceThreshold?, checkFinite?}; what is absent has the framework's default
  epochsRun      epochs until training stops, or all of `values` where stopped is false
  bestEpoch      counted from 0; null where there has been none
  restoredEpoch  the epoch whose weights the model has afterwards, when they are put back by the rule itself, else null
  reason         "patience" | "threshold" | "divergence" | "not-finite" | null
NaN and the infinities are the strings "NaN", "Infinity", "-Infinity".
"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "media/samples/generate"))

import keras
import torch
import torchvision_models  # noqa: F401  (Lightning imports torchvision)
from pytorch_lightning.callbacks import EarlyStopping
from sklearn.neural_network import MLPClassifier

NAN, INF = math.nan, math.inf

FALLING = {
    "constant": [1.0] * 10,
    "improves-forever": [4 - epoch / 4 for epoch in range(12)],
    "overfits": [2, 1, 0.75, 0.5, 0.625, 0.75, 0.875, 1, 1.125, 1.25],
    "plateau-then-better": [2, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25],
    "gain-of-exactly-a-quarter": [2 - epoch / 4 for epoch in range(8)],
    "gain-of-a-sixteenth": [2 - epoch / 16 for epoch in range(12)],
    "noisy": [2, 1.5, 1.75, 1.25, 1.5, 1.375, 1.125, 1.25, 1.5, 1.25, 1.375, 1.5],
    "nan-first": [NAN, 1, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25],
    "nan-in-the-middle": [2, 1, NAN, NAN, 0.5, 0.75, 0.75, 0.75, 0.75, 0.75],
    "always-nan": [NAN] * 8,
    "infinity-in-the-middle": [2, INF, 1, 1, 1, 1, 1, 1],
    "worse-from-the-start": [1, 2, 3, 4, 5, 6, 7],
}
COMMON = [
    {"patience": 0},
    {"patience": 1},
    {"patience": 3},
    {"patience": 3, "minDelta": 0.25},
]
EXTRA = {
    "keras": [
        {"patience": 3, "baseline": 0.875},
        {"patience": 3, "baseline": -8.0},
        {"patience": 2, "startFrom": 3},
        {"patience": 2, "restoreBest": True},
        {"patience": 2, "startFrom": 3, "restoreBest": True},
    ],
    "lightning": [
        {"patience": 3, "checkFinite": False},
        {"patience": 3, "stoppingThreshold": 0.75},
        {"patience": 3, "divergenceThreshold": 1.125},
    ],
    "tfjs": [{"patience": 3, "baseline": 0.875}, {"patience": 3, "baseline": -8.0}],
    "sklearn-mlp": [],
    "sklearn-sgd": [],
}


class KerasModel:
    """Stands in for a model: its only weight is the number of the epoch."""

    stop_training = False
    epoch = restored = None

    def get_weights(self):
        return self.epoch

    def set_weights(self, weights) -> None:
        self.restored = weights


def keras_rule(values, mode, patience, minDelta=0.0, baseline=None, startFrom=0, restoreBest=False):
    callback = keras.callbacks.EarlyStopping(
        "metric", minDelta, patience, 0, mode, baseline, restore_best_weights=restoreBest, start_from_epoch=startFrom
    )
    model = KerasModel()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.epoch = epoch
        callback.on_epoch_end(epoch, {"metric": value})
        if model.stop_training:
            break
    callback.on_train_end()
    best_epoch = None if callback.best is None else callback.best_epoch
    return result(epoch, model.stop_training, best_epoch, callback.best, model.restored)


LIGHTNING_REASONS = {
    "PATIENCE_EXHAUSTED": "patience",
    "STOPPING_THRESHOLD": "threshold",
    "DIVERGENCE_THRESHOLD": "divergence",
    "NON_FINITE_METRIC": "not-finite",
}


def lightning_rule(values, mode, patience, minDelta=0.0, checkFinite=True, stoppingThreshold=None, divergenceThreshold=None):
    callback = EarlyStopping(
        "metric", minDelta, patience, mode=mode, check_finite=checkFinite,
        stopping_threshold=stoppingThreshold, divergence_threshold=divergenceThreshold,
    )  # fmt: skip
    best_epoch = None
    for epoch, value in enumerate(values):
        before = callback.best_score
        stopped, _ = callback._evaluate_stopping_criteria(torch.tensor(float(value), dtype=torch.float64))
        best_epoch = best_epoch if callback.best_score is before else epoch
        if stopped:
            break
    best = None if best_epoch is None else callback.best_score.item()
    return result(epoch, stopped, best_epoch, best, None, LIGHTNING_REASONS.get(callback.stopping_reason.name))


def tfjs_rule(values, mode, patience, minDelta=0.0, baseline=None):
    """restoreBestWeights throws NotImplementedError there, so there is nothing to restore."""
    sign = 1 if mode == "min" else -1
    best, best_epoch, wait = baseline if baseline is not None else sign * INF, None, 0
    for epoch, value in enumerate(values):
        if sign * value + minDelta < sign * best:
            best, best_epoch, wait = value, epoch, 0
        else:
            wait += 1
            if wait >= patience:
                return result(epoch, True, best_epoch, best)
    return result(epoch, False, best_epoch, best)


class ScoredMlp(MLPClassifier):
    """The real bookkeeping; the validation score comes from `scores`, the only weight is the number of the epoch."""

    def _score(self, X, y, sample_weight=None):
        return self.scores[-1]


class Epoch(int):
    copy = int.__int__


def sklearn_mlp_rule(values, mode, patience, minDelta=0.0):
    """Max: early_stopping=True, on the validation score. Min: early_stopping=False, on the training loss."""
    model, scored = ScoredMlp(tol=minDelta, n_iter_no_change=patience), mode == "max"
    model._no_improvement_count, model.best_loss_, model.best_validation_score_ = 0, INF, -INF
    model.scores = model.loss_curve_ = []
    model.validation_scores_, model._best_coefs, model._best_intercepts, best_epoch = [], None, None, None
    for epoch, value in enumerate(values):
        model.scores.append(value)
        model.coefs_ = model.intercepts_ = [Epoch(epoch)]
        before = (model.best_loss_, model.best_validation_score_)
        model._update_no_improvement_count(scored, None, None, None)
        if (model.best_loss_, model.best_validation_score_) != before:
            best_epoch = epoch
        stopped = model._no_improvement_count > patience
        if stopped:
            break
    best = model.best_validation_score_ if scored else model.best_loss_
    restored = model._best_coefs[0] if scored and model._best_coefs else None
    return result(epoch, stopped, best_epoch, best, restored)


def sklearn_sgd_rule(values, mode, patience, minDelta=0.0):
    """Compares as the MLP does, but stops at the count instead of past it, and puts no weights back."""
    sign = 1 if mode == "min" else -1
    best, best_epoch, count = INF, None, 0
    for epoch, value in enumerate(sign * value for value in values):
        count = count + 1 if value > best - minDelta else 0
        if value < best:
            best, best_epoch = value, epoch
        if count >= patience:
            return result(epoch, True, best_epoch, sign * best)
    return result(epoch, False, best_epoch, sign * best)


def result(last, stopped, best_epoch, best, restored=None, reason=None) -> dict:
    return {
        "epochsRun": last + 1,
        "stopped": bool(stopped),
        "bestEpoch": best_epoch,
        "bestValue": None if best_epoch is None else plain(best),
        "restoredEpoch": restored,
        "reason": (reason or "patience") if stopped else None,
    }


def plain(value: float) -> float | str:
    value = float(value)
    return value if math.isfinite(value) else "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


RULES = {
    "keras": keras_rule,
    "lightning": lightning_rule,
    "tfjs": tfjs_rule,
    "sklearn-mlp": sklearn_mlp_rule,
    "sklearn-sgd": sklearn_sgd_rule,
}
SIGNED = ("baseline", "stoppingThreshold", "divergenceThreshold")


def main() -> None:
    cases = []
    for rule, run in RULES.items():
        for mode, sign in (("min", 1), ("max", -1)):
            for sequence, values in FALLING.items():
                for option in COMMON + EXTRA[rule]:
                    if rule.startswith("sklearn") and option["patience"] == 0:
                        continue  # scikit-learn takes no patience under 1
                    options = {"mode": mode} | {key: sign * value if key in SIGNED else value for key, value in option.items()}
                    signed = [sign * value for value in values]
                    case = {"rule": rule, "sequence": sequence, "options": options, "values": [plain(value) for value in signed]}
                    cases.append(case | run(signed, **options))
    text = ",\n".join("  " + json.dumps(case, allow_nan=False) for case in cases)
    Path(__file__).with_name("early_stopping.json").write_text(f"[\n{text}\n]\n")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
