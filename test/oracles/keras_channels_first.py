"""Layers of Keras 3 whose images have their channels in front, as keras_layers.py has others.

    KERAS_BACKEND=torch python keras_channels_first.py > keras-channels-first.json.gz
"""

import gzip
import json
import sys

import keras
import numpy as np
from keras import layers

random = np.random.default_rng(6)
FIRST = {"data_format": "channels_first"}
IMAGE, LINE, SOLID = (4, 6, 5), (4, 9), (2, 4, 3, 4)


def short(array):
    """Few digits, so that the file stays small."""
    return (np.round(array * 32) / 32).astype(np.float32)


def numbers(array):
    return [float(value) for value in np.asarray(array, dtype=np.float32).ravel()]


CASES = {
    "Conv1D": (LINE, layers.Conv1D(3, 3, strides=2, padding="same", **FIRST)),
    "Conv2D": (IMAGE, layers.Conv2D(6, 3, groups=2, dilation_rate=2, padding="same", **FIRST)),
    "Conv3D": (SOLID, layers.Conv3D(3, 2, **FIRST)),
    "Conv2DTranspose": (IMAGE, layers.Conv2DTranspose(3, 3, strides=2, padding="same", **FIRST)),
    "Conv1DTranspose": (LINE, layers.Conv1DTranspose(3, 3, strides=2, **FIRST)),
    "DepthwiseConv2D": (IMAGE, layers.DepthwiseConv2D(3, depth_multiplier=2, **FIRST)),
    "DepthwiseConv1D": (LINE, layers.DepthwiseConv1D(3, padding="same", **FIRST)),
    "SeparableConv2D": (IMAGE, layers.SeparableConv2D(5, 3, depth_multiplier=2, **FIRST)),
    "SeparableConv1D": (LINE, layers.SeparableConv1D(5, 3, **FIRST)),
    "MaxPooling1D": (LINE, layers.MaxPooling1D(2, **FIRST)),
    "MaxPooling3D": (SOLID, layers.MaxPooling3D(2, padding="same", **FIRST)),
    "AveragePooling2D": (IMAGE, layers.AveragePooling2D(3, 1, padding="same", **FIRST)),
    "GlobalAveragePooling1D": (LINE, layers.GlobalAveragePooling1D(**FIRST)),
    "GlobalAveragePooling2D": (IMAGE, layers.GlobalAveragePooling2D(keepdims=True, **FIRST)),
    "GlobalMaxPooling3D": (SOLID, layers.GlobalMaxPooling3D(**FIRST)),
    "ZeroPadding1D": (LINE, layers.ZeroPadding1D((2, 1), **FIRST)),
    "ZeroPadding2D": (IMAGE, layers.ZeroPadding2D(((1, 2), (0, 3)), **FIRST)),
    "ZeroPadding3D": (SOLID, layers.ZeroPadding3D((1, 0, 2), **FIRST)),
    "Cropping2D": (IMAGE, layers.Cropping2D((1, 2), **FIRST)),
    "Cropping3D": (SOLID, layers.Cropping3D(((1, 0), (0, 1), (1, 1)), **FIRST)),
    "UpSampling2D": (IMAGE, layers.UpSampling2D((2, 3), **FIRST)),
    "UpSampling2D bilinear": (IMAGE, layers.UpSampling2D(2, interpolation="bilinear", **FIRST)),
    "UpSampling3D": (SOLID, layers.UpSampling3D((1, 2, 1), **FIRST)),
    "Flatten": (IMAGE, layers.Flatten(**FIRST)),
    "Flatten of a line": (LINE, layers.Flatten(**FIRST)),
    "BatchNormalization": (IMAGE, layers.BatchNormalization(axis=1)),
    "SpatialDropout2D": (IMAGE, layers.SpatialDropout2D(0.3, **FIRST)),
}
# Other ways to state the same, as old files and other writers have them.
OTHERS = {
    "Cropping1D number": ((9, 4), layers.Cropping1D(2)),
    "Cropping2D number": ((6, 5, 4), layers.Cropping2D(1)),
    "ZeroPadding1D number": ((9, 4), layers.ZeroPadding1D(2)),
    "ZeroPadding2D number": ((6, 5, 4), layers.ZeroPadding2D(2)),
    "UpSampling1D": ((9, 4), layers.UpSampling1D(3)),
}

result = []
for name, (shape, layer) in {**CASES, **OTHERS}.items():
    model = keras.Sequential([layers.Input(shape), layer], name="chain")
    weights = {}
    for weight in model.weights:
        if "seed_generator" in weight.path:
            continue
        value = short(random.normal(size=weight.shape) * 0.5)
        if "variance" in weight.path or "gamma" in weight.path:
            value = np.float32(0.5) + np.abs(value)
        weight.assign(value)
        weights[weight.path] = {"shape": list(weight.shape), "values": numbers(value)}
    inputs = short(random.normal(size=(2, *shape)))
    output = keras.ops.convert_to_numpy(model(inputs, training=False))
    result.append(
        {
            "name": name,
            "config": json.loads(model.to_json()),
            "weights": weights,
            "inputs": [{"shape": list(inputs.shape), "values": numbers(inputs)}],
            "output": numbers(output),
        }
    )
sys.stdout.buffer.write(gzip.compress(json.dumps(result).encode(), 9, mtime=0))
