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


def cases():
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


result = []
for name, model in cases():
    weights = {}
    for weight in model.weights:
        if "seed_generator" in weight.path:
            continue
        value = short(random.normal(size=weight.shape) * 0.5)
        if "variance" in weight.path or "gamma" in weight.path:
            value = np.float32(0.5) + np.abs(value)
        weight.assign(value)
        weights[weight.path] = {"shape": list(weight.shape), "values": numbers(value)}
    inputs = [short(random.normal(size=(2, *each.shape[1:]))) for each in model.inputs]
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
