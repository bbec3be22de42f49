"""Ten steps of a Keras 3 model with regularizers, constraints and a BatchNormalization momentum.

    KERAS_BACKEND=torch python keras_rules.py > keras-rules.json.gz
"""

import gzip
import json
import pathlib
import sys

import keras
import numpy as np
from keras import constraints, layers, regularizers

BATCH, STEPS, RATE = 32, 10, 0.1
random = np.random.default_rng(3)
digits = pathlib.Path(__file__).parents[2] / "media/samples/digits.csv.gz"
rows = np.genfromtxt(digits, delimiter=",", dtype=np.float32, skip_header=1, max_rows=256)

model = keras.Sequential(
    [
        layers.Input((64,)),
        layers.Dense(
            6,
            activation="tanh",
            name="first",
            kernel_regularizer=regularizers.L2(0.02),
            kernel_constraint=constraints.MaxNorm(0.8, axis=0),
            bias_regularizer=regularizers.L1(0.03),
            activity_regularizer=regularizers.L1L2(l1=0.002, l2=0.01),
        ),
        layers.BatchNormalization(momentum=0.7, name="norm", gamma_regularizer="l2"),
        layers.Dense(5, name="second", kernel_regularizer="L1L2", bias_constraint="non_neg"),
        layers.ActivityRegularization(l2=0.02, name="quiet"),
        layers.Dense(10, name="logits", kernel_constraint=constraints.UnitNorm(axis=0)),
    ]
)


def short(array):
    """Few digits, so that the file stays small."""
    return (np.round(array * 32) / 32).astype(np.float32)


weights = {}
for layer in model.layers:
    for weight in layer.weights:
        draw = random.uniform(-0.5, 0.5, weight.shape)
        positive = "variance" in weight.name or "gamma" in weight.name
        weight.assign(short(draw + 1 if positive else draw))
        numbers = np.asarray(weight.numpy())
        weights[f"{layer.name}/{weight.name}"] = {
            "shape": list(numbers.shape),
            "values": [float(value) for value in numbers.ravel()],
        }

config = keras.saving.serialize_keras_object(model)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer=keras.optimizers.SGD(RATE), loss=loss)
for step in range(STEPS):
    start = step * BATCH % 256
    batch = rows[start : start + BATCH]
    model.train_on_batch(batch[:, :64] / 16, batch[:, 64])

trained = {
    f"{layer.name}/{weight.name}": [
        float(np.format_float_positional(value, precision=8)) for value in weight.numpy().ravel()
    ]
    for layer in model.layers
    for weight in layer.weights
}
golden = json.dumps({"config": config, "weights": weights, "trained": trained})
sys.stdout.buffer.write(gzip.compress(golden.encode(), mtime=0))
