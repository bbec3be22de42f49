"""Narrow networks of Keras as layers models of TensorFlow.js, with an input and the output of each.

    KERAS_BACKEND=torch python keras_architectures.py > keras-architectures.json.gz
"""

import gzip
import json
import sys

import keras
import layers_form
import numpy as np
from keras import layers

random = np.random.default_rng(11)


def convolution(x, filters, size, activation=None, **options):
    x = layers.Conv2D(filters, size, padding="same", use_bias=False, **options)(x)
    x = layers.BatchNormalization()(x)
    return x if activation is None else layers.Activation(activation)(x)


def u_net():
    x = image = layers.Input((8, 8, 2))
    skips = []
    for filters in (2, 4):
        x = convolution(x, filters, 3, "relu")
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = convolution(x, 6, 3, "relu")
    for filters, skip in zip((4, 2), reversed(skips)):
        x = layers.BatchNormalization()(layers.Conv2DTranspose(filters, 2, strides=2)(x))
        x = convolution(layers.Concatenate()([x, skip]), filters, 3, "relu")
    return keras.Model(image, layers.Conv2D(2, 1, activation="softmax")(x), name="u_net")


def inverted_residuals():
    """The blocks of MobileNetV2 and EfficientNet: depthwise, and with a gate for each channel."""
    image = layers.Input((9, 9, 3))
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(layers.Rescaling(1 / 255.0)(image))
    x = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(4, 3, strides=2, use_bias=False)(x)))
    y = convolution(x, 8, 1, "swish")
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
    y = layers.Activation("swish")(layers.BatchNormalization()(y))
    gate = layers.Reshape((1, 1, 8))(layers.GlobalAveragePooling2D()(y))
    gate = layers.Conv2D(8, 1, activation="sigmoid")(layers.Conv2D(2, 1, activation="swish")(gate))
    y = convolution(layers.Multiply()([y, gate]), 4, 1)
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, y]))
    return keras.Model(image, layers.Dense(3, activation="softmax")(x), name="inverted")


def sentences():
    stack = [
        layers.Input((7,)),
        layers.Embedding(9, 5),
        layers.LSTM(3, return_sequences=True),
        layers.Dropout(0.2),
        layers.LSTM(4),
        layers.Dense(5, use_bias=False),
        layers.BatchNormalization(),
        layers.Dense(3, activation="softmax"),
    ]
    return keras.Sequential(stack, name="sentences")


result = []
for model in (u_net(), inverted_residuals(), sentences()):
    for weight in model.weights:
        if "seed_generator" in weight.path:
            continue
        value = np.round(random.normal(size=weight.shape) * 16) / 32
        positive = "variance" in weight.path or "gamma" in weight.path
        weight.assign((0.5 + np.abs(value) if positive else value).astype(np.float32))
    shape = (2, *model.inputs[0].shape[1:])
    words = model.name == "sentences"
    x = random.integers(0, 9, shape) if words else np.round(random.random(shape) * 255)
    document, weights = layers_form.layers_model(model)
    output = keras.ops.convert_to_numpy(model(x.astype(np.float32), training=False))
    result.append(
        {
            "name": model.name,
            "document": document,
            "weights": [
                {"name": name, "shape": list(array.shape), "values": array.ravel().tolist()}
                for name, array in weights
            ],
            "input": {"shape": list(shape), "values": x.ravel().tolist()},
            "output": {"shape": list(output.shape), "values": output.ravel().tolist()},
        }
    )
sys.stdout.buffer.write(gzip.compress(json.dumps(result).encode(), 9, mtime=0))
