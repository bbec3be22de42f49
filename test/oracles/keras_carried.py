"""A classifier of sequences in both of Keras 3's formats, with what no graph can be turned back into.

    KERAS_BACKEND=torch python test/oracles/keras_carried.py

makes test/fixtures/keras/classifier.keras.gz and classifier.h5.gz: a masked Embedding, a Bidirectional
LSTM, attention, a model inside whose statistics lie behind all that is trained, a class that nobody
knows, and a Lambda. Each file is the oracle for what the other one becomes.
"""

import gzip
import pathlib
import tempfile

import keras
import numpy as np
from keras import layers

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures" / "keras"
random = np.random.default_rng(17)


@keras.saving.register_keras_serializable("mine")
class Scale(layers.Layer):
    """Keras lists its trainable weight first, whatever was made first."""

    def build(self, shape):
        self.seen = self.add_weight(name="seen", shape=(shape[-1],), trainable=False)
        self.scale = self.add_weight(name="scale", shape=(shape[-1],))

    def call(self, inputs):
        return inputs * self.scale + self.seen


def head():
    inputs = layers.Input((6,))
    x = layers.Dense(4, name="hidden")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    frozen = layers.Dense(4, name="frozen", trainable=False)(x)
    return keras.Model(inputs, layers.Dense(5, name="last")(frozen), name="head")


def classifier():
    words = layers.Input((7,), dtype="int32", name="words")
    x = layers.Embedding(12, 6, mask_zero=True, name="embedding")(words)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True, name="cells"), name="both")(x)
    x = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = layers.TimeDistributed(layers.Dense(6, name="step"), name="steps")(x)
    x = layers.Dropout(0.2, seed=3, name="dropout")(x)
    x = head()(layers.GRU(6, name="gate")(x))
    x = layers.Lambda(lambda t: t * 2.0 + 1.0, output_shape=(5,), name="code")(Scale(name="own")(x))
    return keras.Model(words, layers.Dense(3, activation="softmax", name="classes")(x), name="classifier")


model = classifier()
for weight in model.weights:
    weight.assign(random.uniform(0.1, 0.9, weight.shape).astype(np.float32))
with tempfile.TemporaryDirectory() as folder:
    for ending in ("keras", "h5"):
        path = pathlib.Path(folder) / f"classifier.{ending}"
        model.save(path)
        (FIXTURES / f"classifier.{ending}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
