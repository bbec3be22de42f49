"""Makes statistics.json: moments, quantiles and histograms of arrays, by NumPy in float64.

Run: python test/oracles/value_statistics.py   (Python 3.11, numpy 2.4.6; about 1 s)

A list of {name, values, count, nan, positiveInfinity, negativeInfinity, zeros, finite, mean, std, min, max, quantiles,
histogram}. NaN and the infinities are counted apart; everything from `finite` on is of the finite values only, and null
where there are none.
  values     float32-representable numbers, or "NaN", "Infinity", "-Infinity"
  std        of the population (ddof 0)
  quantiles  {percent: value}, NumPy's default "linear" interpolation
  histogram  {edges: 31 numbers, counts: 30, below, above}: [a, b) buckets of equal width, the last one [a, b]; `below`
             and `above` are the finite values outside the edges. The edges are the range of the finite values, or those
             given. Where all values are equal, the range is value ± 0.5, as numpy.histogram has it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

PERCENTS = [0, 0.15, 6.68, 15, 15.87, 25, 30.85, 50, 69.15, 75, 84.13, 85, 93.32, 99.85, 100]
BUCKETS = 30


def number(value: float) -> float | str:
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(value)


def describe(name: str, values, limits: tuple[float, float] | None = None) -> dict:
    values = np.asarray(values, dtype=np.float32).astype(np.float64)
    finite = values[np.isfinite(values)]
    described = {
        "name": name,
        "values": [number(value) for value in values],
        "count": values.size,
        "nan": int(np.isnan(values).sum()),
        "positiveInfinity": int(np.isposinf(values).sum()),
        "negativeInfinity": int(np.isneginf(values).sum()),
        "zeros": int((values == 0).sum()),
        "finite": finite.size,
        **dict.fromkeys(["mean", "std", "min", "max", "quantiles", "histogram"]),
    }
    if finite.size:
        counts, edges = np.histogram(finite, BUCKETS, limits)
        described |= {
            "mean": finite.mean(),
            "std": finite.std(),
            "min": finite.min(),
            "max": finite.max(),
            "quantiles": {f"{percent:g}": np.percentile(finite, percent) for percent in PERCENTS},
            "histogram": {
                "edges": edges.tolist(),
                "counts": counts.tolist(),
                "below": int((finite < edges[0]).sum()),
                "above": int((finite > edges[-1]).sum()),
            },
        }
    return described


def main() -> None:
    random = np.random.RandomState(0)
    normal = random.normal(size=200)
    broken = random.normal(size=60)
    broken[[3, 17, 40]], broken[[5, 6]], broken[50] = np.nan, np.inf, -np.inf
    cases = [
        describe("normal", normal),
        describe("normal in fixed limits", normal, (-1, 1.5)),
        describe("normal in wide limits", normal, (-8, 8)),
        describe("uniform", random.uniform(-3, 5, 101)),
        describe("relu: half are zero", np.maximum(random.normal(size=80), 0)),
        describe("negative zeros", [-0.0, 0.0, 1.0, -1.0]),
        describe("mean far from 0", random.normal(1e4, 0.5, 150)),
        describe("long tail", np.exp(random.normal(0, 2, 120))),
        describe("integers on bucket edges", np.arange(31)),
        describe("integers on bucket edges, upper limit inside", np.arange(40), (0, 30)),
        describe("constant", [2.5] * 7),
        describe("one value", [-1.25]),
        describe("two values", [1, 2]),
        describe("tiny", random.normal(0, 1e-30, 25)),
        describe("huge", random.normal(0, 1e37, 25)),
        describe("with NaN and infinities", broken),
        describe("only NaN", [np.nan] * 4),
        describe("only infinities", [np.inf, -np.inf, np.inf]),
        describe("one finite among NaN", [np.nan, 0.75, np.nan]),
        describe("empty", []),
    ]
    text = ",\n".join("  " + json.dumps(case, allow_nan=False) for case in cases)
    Path(__file__).with_name("statistics.json").write_text(f"[\n{text}\n]\n")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
