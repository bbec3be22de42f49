"""A Keras 3 model with models in it, wrapped layers, a shared one and a held one.

    KERAS_BACKEND=torch python test/oracles/keras_wrapped.py

makes test/fixtures/keras/wrapped.keras.gz, wrapped.h5.gz and sloped.keras.gz.
"""

import gzip
import pathlib
import tempfile

import keras
import numpy as np
from keras import constraints, layers, regularizers

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures" / "keras"
random = np.random.default_rng(7)

rows = layers.Input((6, 8), name="rows")
inner = layers.Input((6, 8), name="steps")
turned = layers.TimeDistributed(layers.Dense(5, activation="relu"), name="each")(inner)
steps = keras.Model(inner, turned, name="steps_model")
head = keras.Sequential(
    [
        layers.Input((6,)),
        layers.Dense(6, activation="tanh", activity_regularizer=regularizers.L2(0.01), name="hidden"),
        layers.BatchNormalization(momentum=0.8, name="norm"),
    ],
    name="head",
)
both = layers.Bidirectional(
    layers.LSTM(3, kernel_regularizer="l1", name="lstm"), name="both"
)
shared = layers.Dense(
    6, name="shared", kernel_regularizer=regularizers.L2(0.05), kernel_constraint=constraints.MaxNorm(0.9)
)
x = both(steps(rows))
x = layers.Add(name="sum")([shared(x), shared(head(x))])
still = layers.BatchNormalization(name="still")
still.trainable = False
model = keras.Model(rows, layers.Dense(4, name="result")(still(x)), name="wrapped")

for weight in model.weights:
    draw = random.uniform(-0.5, 0.5, weight.shape)
    positive = "variance" in weight.path or "gamma" in weight.path
    weight.assign((draw + 1 if positive else draw).astype(np.float32))

with tempfile.TemporaryDirectory() as folder:
    for ending in ("keras", "h5"):
        path = pathlib.Path(folder) / f"wrapped.{ending}"
        model.save(path)
        packed = gzip.compress(path.read_bytes(), 9, mtime=0)
        (FIXTURES / f"wrapped.{ending}.gz").write_bytes(packed)

# TensorFlow.js does not know the slope and would compute a plain ReLU.
sloped = keras.Sequential(
    [layers.Input((4,)), layers.Dense(3), layers.ReLU(negative_slope=0.25), layers.Dense(2)]
)
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "sloped.keras"
    sloped.save(path)
    (FIXTURES / "sloped.keras.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
