"""Models of Keras 3 with their weights, inputs and outputs, for the reading of layers' configs.

    KERAS_BACKEND=torch python keras_layers.py > keras-layers.json.gz

What Keras computes otherwise than TensorFlow.js, and the forms of config that only Keras 3 writes.
"""

import gzip
import json
import sys

import keras
import numpy as np
from keras import layers

random = np.random.default_rng(5)


def numbers(array):
    return [float(np.float32(value)) for value in np.asarray(array, dtype=np.float32).ravel()]


def short(array):
    """Few digits, so that the file stays small."""
    return (np.round(array * 32) / 32).astype(np.float32)


def chain(name, shape, *stack):
    return name, keras.Sequential([layers.Input(shape), *stack], name="chain")


def functional():
    image = layers.Input((6, 5, 3), name="image")
    facts = layers.Input((4,), name="facts")
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    inner_input = layers.Input((3,), name="inner_input")
    inner = keras.Model(inner_input, layers.Dense(4, activation="gelu")(inner_input), name="inner")
    x = shared(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Add(name="sum")([shared(x), image])
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    y = layers.Dense(3, name="told")(facts)
    z = layers.Multiply(name="product")([inner(x), inner(y)])
    z = layers.Concatenate(name="joined")([z, x])
    return "functional, shared and nested", keras.Model([image, facts], layers.Dense(2)(z))


def recurrent():
    """Recurrent layers, with and without masked steps in the middle of a sequence."""
    shape = (5, 3)
    for kind in (layers.LSTM, layers.GRU, layers.SimpleRNN):
        yield chain(kind.__name__, shape, kind(4))
        yield chain(f"{kind.__name__} sequences", shape, kind(4, return_sequences=True), kind(2))
        backwards = kind(4, go_backwards=True, return_sequences=True, use_bias=False)
        yield chain(f"{kind.__name__} backwards", shape, backwards)
        for flags in ({}, {"return_sequences": True}, {"go_backwards": True}):
            named = " ".join([f"{kind.__name__} masked", *flags])
            yield chain(named, shape, layers.Masking(0.0), kind(4, **flags))
    yield chain("GRU reset before", shape, layers.GRU(4, reset_after=False))
    hard = {"recurrent_activation": "hard_sigmoid", "activation": "relu"}
    yield chain("LSTM hard sigmoid", shape, layers.LSTM(4, **hard))
    for mode in ("concat", "sum", "ave", "mul"):
        both = layers.Bidirectional(layers.LSTM(3, return_sequences=True), merge_mode=mode)
        yield chain(f"Bidirectional {mode}", shape, both)
    last = layers.Bidirectional(layers.GRU(3))
    yield chain("Bidirectional last", shape, last)
    masked = layers.Bidirectional(layers.LSTM(3, return_sequences=True))
    yield chain("Bidirectional masked", shape, layers.Masking(0.0), masked, layers.LSTM(2))
    per_step = layers.TimeDistributed(layers.Conv1D(3, 2, activation="relu"))
    yield chain("TimeDistributed Conv1D", (3, 6, 2), per_step, layers.Flatten())
    yield chain("TimeDistributed Dense", shape, layers.LSTM(4, return_sequences=True), layers.TimeDistributed(layers.Dense(2)))
    words = layers.Input((6,), name="words")
    x = layers.Embedding(5, 4, mask_zero=True)(words)
    x = layers.Dropout(0.3)(x)
    x = layers.LayerNormalization()(x)
    x = layers.Bidirectional(layers.LSTM(3))(x)
    yield "words masked at zero", keras.Model(words, layers.Dense(2)(x))
    x = layers.GlobalAveragePooling1D()(layers.Embedding(5, 4, mask_zero=True)(words))
    yield "words masked at zero, averaged", keras.Model(words, x)
    steps = layers.Input(shape, name="steps")
    x = layers.LSTM(4)(layers.Dense(3)(layers.Masking(0.0)(steps)))
    yield "masked in a graph", keras.Model(steps, x)
    first = layers.Input(shape, name="first")
    second = layers.Input((4, 2), name="second")
    _, h, c = layers.LSTM(4, return_state=True)(first)
    y = layers.LSTM(4, return_sequences=True)(second, initial_state=[h, c])
    yield "encoder and decoder", keras.Model([first, second], layers.Dense(3)(y))


def masked_states():
    """The states behind the last step that counts, in either direction."""
    for kind in (layers.LSTM, layers.GRU):
        for flags in ({}, {"return_sequences": True}, {"go_backwards": True}, {"return_sequences": True, "go_backwards": True}):
            steps = layers.Input((5, 3), name="steps")
            results = kind(4, return_state=True, **flags)(layers.Masking(0.0)(steps))
            joined = layers.Concatenate()([layers.Flatten()(each) for each in results])
            named = " ".join([f"{kind.__name__} masked with states", *flags])
            yield named, keras.Model(steps, joined)


def several(name, shapes, build):
    inputs = [layers.Input(shape) for shape in shapes]
    return name, keras.Model(inputs, build(inputs))


def cases():
    yield from recurrent()
    yield chain("GroupNormalization", (4, 3, 6), layers.GroupNormalization(3, epsilon=0.01))
    yield chain("GroupNormalization axis 1", (4, 3), layers.GroupNormalization(2, axis=1, scale=False))
    yield chain("UnitNormalization", (4, 3, 6), layers.UnitNormalization(axis=[2, 3]))
    yield chain("RMSNormalization", (4, 6), layers.RMSNormalization())
    yield chain("Normalization", (4, 3, 2), layers.Normalization(axis=-1), layers.Conv2D(2, 1))
    yield chain("Normalization given", (4, 2), layers.Normalization(mean=[0.5, 1.0], variance=[4.0, 0.25]))
    yield chain("Normalization invert", (4, 2), layers.Normalization(axis=None, mean=0.5, variance=4.0, invert=True))
    yield chain("Identity", (4,), layers.Identity(), layers.Dense(2))
    yield several("Dot of rows", [(5,), (5,)], layers.Dot(axes=1))
    yield several("Dot normalized", [(5,), (5,)], layers.Dot(axes=-1, normalize=True))
    yield several("Dot of matrices", [(4, 3), (5, 3)], layers.Dot(axes=(2, 2)))
    image = (6, 5, 4)
    yield chain("hard_sigmoid", (5,), layers.Dense(4, activation="hard_sigmoid"))
    yield chain("silu", (5,), layers.Dense(4, activation="silu"))
    yield chain("LeakyReLU", (5,), layers.LeakyReLU(negative_slope=0.2))
    yield chain("ELU", (5,), layers.ELU(alpha=0.7))
    yield chain("bilinear", image, layers.UpSampling2D((2, 3), interpolation="bilinear"))
    yield chain("causal", (9, 4), layers.Conv1D(3, 3, padding="causal", dilation_rate=2))
    yield chain("groups", image, layers.Conv2D(6, 3, groups=2))
    yield chain("depth multiplier", image, layers.SeparableConv2D(5, 3, depth_multiplier=2))
    yield chain("depthwise", image, layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"))
    yield chain("axis 1", image, layers.BatchNormalization(axis=1))
    yield chain(
        "channels first",
        (4, 6, 5),
        layers.Conv2D(3, 3, data_format="channels_first"),
        layers.BatchNormalization(axis=1),
        layers.MaxPooling2D(2, data_format="channels_first"),
        layers.Flatten(),
        layers.Dense(2),
    )
    yield chain("Rescaling", image, layers.Rescaling(1 / 127.5, offset=-1.0), layers.Flatten())
    yield chain("LayerNormalization", image, layers.LayerNormalization(axis=[2, 3]))
    yield chain("Conv3DTranspose", (3, 4, 3, 2), layers.Conv3DTranspose(3, 2, strides=2))
    yield chain("keepdims", image, layers.GlobalMaxPooling2D(keepdims=True))
    yield chain("noise", image, layers.SpatialDropout2D(0.3), layers.GaussianNoise(0.2))
    yield chain("Dense of sequences", (6, 5), layers.Dense(3), layers.BatchNormalization())
    yield functional()
    yield from masked_states()


result = []
for name, model in cases():
    weights = {}
    for weight in model.weights:
        if "seed_generator" in weight.path or weight.path.endswith("/count"):
            continue
        value = short(random.normal(size=weight.shape) * 0.5)
        if "variance" in weight.path or "gamma" in weight.path:
            value = np.float32(0.5) + np.abs(value)
        weight.assign(value)
        weights[weight.path] = {"shape": list(weight.shape), "values": numbers(value)}
    inputs = [short(random.normal(size=(2, *each.shape[1:]))) for each in model.inputs]
    if "masked" in name and "words" not in name:
        # Steps that do not count: one in the middle, the last ones, and in no sample the same.
        inputs[0][0, 1] = 0
        inputs[0][1, 3:] = 0
    if "states" in name:
        inputs[0][1] = 0
    if "words" in name:
        inputs = [np.float32([[3, 0, 1, 4, 0, 0], [0, 2, 2, 1, 0, 3]])]
    output = keras.ops.convert_to_numpy(model(inputs if len(inputs) > 1 else inputs[0], training=False))
    result.append(
        {
            "name": name,
            "config": json.loads(model.to_json()),
            "weights": weights,
            "inputs": [{"shape": list(each.shape), "values": numbers(each)} for each in inputs],
            "output": numbers(output),
        }
    )
sys.stdout.buffer.write(gzip.compress(json.dumps(result).encode(), 9, mtime=0))
