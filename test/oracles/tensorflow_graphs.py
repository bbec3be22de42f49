"""Narrow networks of Keras as graph models that TensorFlow.js' own converter made of their SavedModels.

    TFJS_CONVERTER=... python test/oracles/tensorflow_graphs.py > test/oracles/tensorflow-graphs.json.gz

(see tensorflow_converter.py for the versions, and how to get the converter). A list with one entry a
network: name, input and output as {shape, values}, and forms: the name of each form (FORMS there), the
document with its attributes in alphabetical order, and weights, the bytes of its file of weights as base64.
"""

import base64
import gzip
import json
import pathlib
import sys
import tempfile

import keras
import numpy as np
import tensorflow_converter
from keras import layers

def normalized(x, activation=None, epsilon=1e-3):
    x = layers.BatchNormalization(epsilon=epsilon)(x)
    return x if activation is None else layers.Activation(activation)(x)


def convolution(x, filters, size=1, activation=None, strides=1, **options):
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False, **options)(x)
    return normalized(x, activation)


def classified(image, x, name):
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(3, activation="softmax")(x), name=name)


def mobilenet():
    """MobileNetV2: inverted residuals with linear ends."""
    image = layers.Input((9, 9, 3))
    x = convolution(image, 4, 3, "relu6", strides=2)
    for strides in (2, 1):
        y = convolution(x, 8, activation="relu6")
        if strides == 2:
            y = layers.ZeroPadding2D(((0, 1), (0, 1)))(y)
        padding = "same" if strides == 1 else "valid"
        y = layers.DepthwiseConv2D(3, strides, padding=padding, use_bias=False)(y)
        y = convolution(normalized(y, "relu6"), 4)
        x = layers.Add()([x, y]) if strides == 1 else y
    return classified(image, x, "mobilenet")


def resnet():
    """ResNet50: bottlenecks of convolutions that have a bias in front of their normalization."""
    image = layers.Input((9, 9, 3))
    x = layers.Conv2D(4, 5, 2)(layers.ZeroPadding2D(2)(image))
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(normalized(x, "relu", 1.001e-5)))
    for index in range(2):
        shortcut = x if index else normalized(layers.Conv2D(8, 1)(x), epsilon=1.001e-5)
        y = normalized(layers.Conv2D(3, 1)(x), "relu", 1.001e-5)
        y = normalized(layers.Conv2D(3, 3, padding="same")(y), "relu", 1.001e-5)
        y = normalized(layers.Conv2D(8, 1)(y), epsilon=1.001e-5)
        x = layers.ReLU()(layers.Add()([shortcut, y]))
    return classified(image, x, "resnet")


def efficientnet():
    """EfficientNet: a normalized input, and a gate for each channel."""
    image = layers.Input((9, 9, 3))
    statistics = {"mean": [0.4, 0.5, 0.6], "variance": [0.05, 0.06, 0.07]}
    x = layers.Normalization(axis=-1, **statistics)(layers.Rescaling(1 / 255.0)(image))
    x = convolution(x, 4, 3, "silu", strides=2)
    y = convolution(x, 6, activation="silu")
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
    y = normalized(y, "silu")
    gate = layers.Reshape((1, 1, 6))(layers.GlobalAveragePooling2D()(y))
    gate = layers.Conv2D(2, 1, activation="silu")(gate)
    gate = layers.Conv2D(6, 1, activation="sigmoid")(gate)
    x = layers.Add()([x, convolution(layers.Multiply()([y, gate]), 4)])
    return classified(image, x, "efficientnet")


def densenet():
    """DenseNet: normalizations in front of the convolutions, of all that came before."""
    image = layers.Input((9, 9, 3))
    x = convolution(image, 4, 3, "relu", strides=2)
    for transition in (True, False):
        for _ in range(2):
            y = layers.Conv2D(4, 1, use_bias=False)(normalized(x, "relu"))
            y = normalized(y, "relu")
            y = layers.Conv2D(2, 3, padding="same", use_bias=False)(y)
            x = layers.Concatenate()([x, y])
        if transition:
            x = layers.Conv2D(4, 1, use_bias=False)(normalized(x, "relu"))
            x = layers.AveragePooling2D(2)(x)
    return classified(image, normalized(x, "relu"), "densenet")


def u_net():
    x = image = layers.Input((8, 8, 2))
    skips = []
    for filters in (2, 4):
        x = convolution(x, filters, 3, "relu")
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = convolution(x, 6, 3, "relu")
    for filters, skip in zip((4, 2), reversed(skips)):
        x = normalized(layers.Conv2DTranspose(filters, 2, strides=2)(x))
        x = convolution(layers.Concatenate()([x, skip]), filters, 3, "relu")
    return keras.Model(image, layers.Conv2D(2, 1, activation="softmax")(x), name="u_net")


def dilated():
    """The convolutions of a DeepLab: TensorFlow dilates a depthwise one by moving positions into the batch."""
    image = layers.Input((9, 9, 3))
    x = convolution(image, 4, 3, "relu")
    x = layers.DepthwiseConv2D(3, padding="same", dilation_rate=2, use_bias=False)(x)
    x = convolution(normalized(x, "relu"), 4, 3, dilation_rate=2)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    return keras.Model(image, layers.Conv2D(2, 1)(x), name="dilated")


def sentences():
    stack = [
        layers.Input((5,)),
        layers.Embedding(9, 5),
        layers.LSTM(3, return_sequences=True, unroll=True),
        layers.Bidirectional(layers.GRU(3, unroll=True)),
        layers.Dense(5, use_bias=False),
        layers.BatchNormalization(),
        layers.Dense(3, activation="softmax"),
    ]
    return keras.Sequential(stack, name="sentences")


def transformer():
    x = image = layers.Input((6, 4))
    y = layers.MultiHeadAttention(2, 3)(x, x)
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    y = layers.Dense(4)(layers.Dense(8, activation="silu")(x))
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(image, layers.Dense(3, activation="softmax")(x), name="transformer")


PLAIN, FUSED, UNFOLDED = tensorflow_converter.FORMS

# Where a normalization is left with a Relu behind it, TensorFlow fuses the two to an operator that the
# converter then refuses: a densenet and a dilated network of Keras 2 have no fused form.
NETWORKS = {
    mobilenet: (PLAIN, FUSED, UNFOLDED),
    resnet: (PLAIN, UNFOLDED),
    efficientnet: (PLAIN, UNFOLDED),
    densenet: (PLAIN, UNFOLDED),
    u_net: (PLAIN, FUSED, UNFOLDED),
    dilated: (PLAIN, UNFOLDED),
    sentences: (PLAIN,),
    transformer: (PLAIN,),
}


def randomize(model, random):
    for weight in model.weights:
        if "seed_generator" in weight.path or weight.dtype != "float32":
            continue
        value = np.round(random.normal(size=weight.shape) * 16) / 32
        positive = "variance" in weight.path or "gamma" in weight.path
        weight.assign((0.5 + np.abs(value) if positive else value).astype(np.float32))


def numbers(array):
    return {"shape": list(array.shape), "values": array.ravel().tolist()}


def converted(model, form):
    with tempfile.TemporaryDirectory() as folder:
        tensorflow_converter.convert(model, folder, form)
        document = json.loads(pathlib.Path(folder, "model.json").read_text())
        [group] = document["weightsManifest"]
        data = b"".join(pathlib.Path(folder, path).read_bytes() for path in group["paths"])
    return {
        "form": form,
        "document": json.loads(json.dumps(document, sort_keys=True)),
        "weights": base64.b64encode(data).decode(),
    }


def entry(build):
    # Each by itself, so that neither its names nor its numbers depend on the others.
    keras.utils.clear_session()
    random = np.random.default_rng([11, *build.__name__.encode()])
    model = build()
    randomize(model, random)
    shape = (2, *model.inputs[0].shape[1:])
    words = model.name == "sentences"
    x = random.integers(0, 9, shape) if words else np.round(random.random(shape) * 64) / 64
    if model.name == "efficientnet":
        x = np.round(x * 255)
    x = x.astype(np.float32)
    output = keras.ops.convert_to_numpy(model(x, training=False))
    return {
        "name": model.name,
        "input": numbers(x),
        "output": numbers(output),
        "forms": [converted(model, form) for form in NETWORKS[build]],
    }


if __name__ == "__main__":
    wanted = [build for build in NETWORKS if build.__name__ in sys.argv[1:] or len(sys.argv) == 1]
    result = [entry(build) for build in wanted]
    sys.stdout.buffer.write(gzip.compress(json.dumps(result).encode(), 9, mtime=0))
