"""Whole models as Keras 2 saves them in HDF5, and what it computes for them.

    python test/oracles/keras2_files.py        (TensorFlow 2.x, which has the old Keras inside)

makes test/fixtures/keras/keras2-*.h5.gz, with the training configuration and the optimizer's weights
that a compiled model has, and keras2-files.json.gz: for each model its inputs in units of 1/32 and its
outputs. With file names behind the command, it loads those files and compares what they compute.

TensorFlow's copy of Keras 2 came without its BatchNormalization, so that it is here, with the fields
and weights that Keras 2 gives it.
"""

import gzip
import json
import os
import pathlib
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import h5py
import numpy as np
import tensorflow as tf
from tensorflow.python import keras
from tensorflow.python.keras import Sequential, backend, layers, models
from tensorflow.python.keras.engine.training import Model
from tensorflow.python.keras.layers.recurrent import GRU, LSTM
from tensorflow.python.keras.saving import hdf5_format

# The files say which version wrote them, and the copy has lost it.
keras.__version__ = "2.6.0"

HERE = pathlib.Path(__file__).parent
FIXTURES = HERE.parent / "fixtures" / "keras"
random = np.random.default_rng(5)


class BatchNormalization(layers.Layer):
    def __init__(self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True, **kwargs):
        for name in ("beta", "gamma", "moving_mean", "moving_variance"):
            kwargs.pop(f"{name}_initializer", None)
        for name in ("beta", "gamma"):
            kwargs.pop(f"{name}_regularizer", None), kwargs.pop(f"{name}_constraint", None)
        super().__init__(**kwargs)
        self.axis, self.momentum, self.epsilon = axis, momentum, epsilon
        self.center, self.scale = center, scale

    def build(self, shape):
        axis = self.axis[0] if isinstance(self.axis, (list, tuple)) else self.axis
        # Keras 2 keeps, and saves, the axis as a list of one.
        self.axis = [axis % len(shape)]
        size = (shape[self.axis[0]],)
        weight = lambda name, start, trains: self.add_weight(
            name=name, shape=size, initializer=start, trainable=trains
        )
        self.gamma = weight("gamma", "ones", True) if self.scale else None
        self.beta = weight("beta", "zeros", True) if self.center else None
        self.moving_mean = weight("moving_mean", "zeros", False)
        self.moving_variance = weight("moving_variance", "ones", False)
        super().build(shape)

    def call(self, x):
        shape = [1] * len(x.shape)
        shape[self.axis[0]] = x.shape[self.axis[0]]
        whole = lambda weight: None if weight is None else tf.reshape(weight, shape)
        statistics = (whole(self.moving_mean), whole(self.moving_variance))
        parameters = (whole(self.beta), whole(self.gamma))
        return tf.nn.batch_normalization(x, *statistics, *parameters, self.epsilon)

    def get_config(self):
        return {
            **super().get_config(),
            "axis": list(self.axis),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": {"class_name": "Zeros", "config": {}},
            "gamma_initializer": {"class_name": "Ones", "config": {}},
            "moving_mean_initializer": {"class_name": "Zeros", "config": {}},
            "moving_variance_initializer": {"class_name": "Ones", "config": {}},
            "beta_regularizer": None,
            "gamma_regularizer": None,
            "beta_constraint": None,
            "gamma_constraint": None,
        }


def images():
    """A Sequential model without an InputLayer: its first layer states the shape."""
    return Sequential(
        [
            layers.Conv2D(4, 3, padding="same", use_bias=False, input_shape=(8, 8, 3), name="conv"),
            BatchNormalization(name="norm"),
            layers.Activation("relu", name="relu"),
            layers.ZeroPadding2D(1, name="pad"),
            layers.SeparableConv2D(6, 3, strides=2, name="separable"),
            BatchNormalization(scale=False, name="separable_norm"),
            layers.DepthwiseConv2D(3, padding="same", name="depthwise"),
            BatchNormalization(center=False, name="depthwise_norm"),
            layers.LeakyReLU(0.2, name="leaky"),
            layers.Cropping2D(((1, 0), (0, 1)), name="crop"),
            layers.UpSampling2D(2, interpolation="bilinear", name="up"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Flatten(name="flat"),
            layers.Dropout(0.3, name="drop"),
            layers.Dense(3, activation="softmax", name="classes"),
        ],
        name="images",
    )


def nested():
    """A functional model with another one in it, which it calls twice."""
    inner_input = layers.Input((6, 6, 2), name="patch")
    x = layers.Conv2D(3, 3, padding="same", name="inner_conv")(inner_input)
    x = BatchNormalization(name="inner_norm")(x)
    inner = Model(inner_input, layers.ReLU(name="inner_relu")(x), name="inner")
    image = layers.Input((6, 6, 2), name="image")
    other = layers.AveragePooling2D(3, 1, padding="same", name="smooth")(image)
    both = layers.Concatenate(name="both")([inner(image), inner(other)])
    x = layers.Conv2DTranspose(4, 3, strides=2, name="wider")(both)
    x = BatchNormalization(name="wider_norm")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return Model(image, layers.Dense(2, name="numbers")(x), name="nested")


def sequences():
    """Recurrent layers of both kinds of GRU; Keras 2's hard_sigmoid is that of Keras 1."""
    steps = layers.Input((7, 3), name="steps")
    x = LSTM(4, return_sequences=True, name="lstm")(steps)
    x = GRU(4, return_sequences=True, reset_after=True, name="gru_after")(x)
    x = GRU(3, recurrent_activation="sigmoid", reset_after=False, name="gru_before")(x)
    return Model(steps, layers.Dense(2, name="classes")(x), name="sequences")


def scramble(model):
    values = []
    for weight in model.weights:
        shape = weight.shape
        if "gamma" in weight.name:
            value = random.uniform(0.5, 1.5, shape)
        elif "moving_variance" in weight.name:
            value = random.uniform(0.5, 2, shape)
        else:
            value = random.normal(size=shape) * (0.4 if len(shape) > 1 else 0.2)
        values.append(value.astype(np.float32))
    backend.batch_set_value(list(zip(model.weights, values)))
    return model


def compiled(model, shape):
    """With an optimizer that has taken a step, whose weights are then in the file."""
    outputs = model.output_shape[-1]
    model.compile("adam", "mse")
    model.train_on_batch(np.zeros(shape, "f4"), np.zeros((shape[0], outputs), "f4"))
    return model


def compare(names):
    """Files that were written elsewhere, loaded by Keras 2."""
    goldens = json.loads(gzip.decompress((HERE / "keras2-files.json.gz").read_bytes()))
    for name in names:
        with h5py.File(name, "r") as file:
            classes = {"BatchNormalization": BatchNormalization}
            model = hdf5_format.load_model_from_hdf5(file, classes, compile=False)
            golden = goldens[model.name]
            kept = list(file.get("optimizer_weights", {}))
        inputs = np.reshape(golden["inputs"], golden["shape"]).astype("f4") / 32
        expected = np.reshape(golden["output"], (golden["shape"][0], -1))
        error = np.abs(model(inputs, training=False).numpy() - expected).max()
        print(pathlib.Path(name).name, error / np.abs(expected).max(), len(model.layers), kept)


def main():
    goldens = {}
    with tempfile.TemporaryDirectory() as temporary:
        for make in (images, nested, sequences):
            backend.clear_session()
            model = make()
            shape = (2, *model.input_shape[1:])
            model = scramble(compiled(model, shape))
            inputs = np.round(random.normal(size=shape) * 32).astype(int)
            output = model((inputs / 32).astype(np.float32), training=False).numpy()
            goldens[make.__name__] = {
                "shape": shape,
                "inputs": inputs.ravel().tolist(),
                "output": [float(value) for value in output.ravel()],
                "norms": sum("norm" in layer.name for layer in model.submodules if hasattr(layer, "name")),
            }
            path = pathlib.Path(temporary) / "model.h5"
            model.save(path, save_format="h5")
            with h5py.File(path) as file:
                assert "training_config" in file.attrs and "optimizer_weights" in file
            packed = gzip.compress(path.read_bytes(), 9, mtime=0)
            (FIXTURES / f"keras2-{make.__name__}.h5.gz").write_bytes(packed)
    text = json.dumps(goldens).encode()
    (HERE / "keras2-files.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))


if len(sys.argv) > 1:
    compare(sys.argv[1:])
else:
    main()
