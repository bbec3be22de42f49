"""Whole models as Keras 3 saves them, and what they compute.

    KERAS_BACKEND=torch python test/oracles/keras_files.py

makes test/fixtures/keras/*.gz, the files each by itself through gzip (HDF5 is mostly empty space), and
keras-files.json.gz: for each model its inputs in units of 1/32, its outputs, and how many
BatchNormalization layers it has. hostile-*.h5.gz are HDF5 files that refer to other files, or
expand to far more than they say. Names of models behind the command write the files of those alone,
as a .keras file states when it was saved.
"""

import gzip
import json
import pathlib
import struct
import sys
import tempfile
import zlib

import h5py
import keras
import numpy as np
from keras import layers
from keras.src.applications.resnet import ResNet, stack_residual_blocks_v1

HERE = pathlib.Path(__file__).parent
FIXTURES = HERE.parent / "fixtures" / "keras"
random = np.random.default_rng(11)


def scramble(model):
    """Statistics as if trained, so that a lost or swapped one shows."""
    for weight in model.weights:
        if "gamma" in weight.path:
            value = random.uniform(0.5, 1.5, weight.shape)
        elif "moving_variance" in weight.path:
            value = random.uniform(0.5, 2, weight.shape)
        elif "moving_mean" in weight.path or "beta" in weight.path or "bias" in weight.path:
            value = random.normal(size=weight.shape) * 0.1
        else:
            value = random.normal(size=weight.shape) * np.sqrt(1 / max(np.prod(weight.shape[:-1]), 1))
        weight.assign(value.astype(np.float32))
    return model


def unet():
    """The decoder joins what the encoder had, as in Ronneberger et al. 2015."""
    image = layers.Input((16, 16, 3), name="image")
    x, skips = image, []

    def block(x, filters):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = layers.Activation("relu")(layers.BatchNormalization()(x))
        return x

    for level in range(2):
        x = block(x, 4 * 2**level)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.SpatialDropout2D(0.2)(block(x, 16))
    for level in reversed(range(2)):
        x = layers.Conv2DTranspose(4 * 2**level, 2, strides=2, padding="same")(x)
        x = block(layers.Concatenate()([layers.BatchNormalization()(x), skips[level]]), 4 * 2**level)
    return keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(x), name="unet")


def mobilenet():
    whole = keras.applications.MobileNetV2((32, 32, 3), alpha=0.1, weights=None, include_top=False)
    cut = whole.get_layer("block_6_project_BN").output
    x = layers.Dense(5, name="predictions")(layers.GlobalAveragePooling2D()(cut))
    return keras.Model(whole.inputs, x, name="mobilenet")


def resnet():
    def stack(x):
        x = stack_residual_blocks_v1(x, 4, 2, stride1=1, name="conv2")
        return stack_residual_blocks_v1(x, 4, 2, name="conv3")

    return ResNet(
        stack,
        preact=False,
        use_bias=True,
        weights=None,
        input_shape=(32, 32, 3),
        classes=5,
        classifier_activation=None,
        name="resnet",
        weights_name=None,
    )


def nested():
    """A Sequential model used twice in a functional one, dropout, and an optimizer's state."""
    image = layers.Input((8, 8, 3), name="image")
    trunk = keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(max_value=6.0, name="cut"),
            layers.GaussianNoise(0.1, name="noise"),
        ],
        name="trunk",
    )
    mirrored = layers.UpSampling2D(2)(layers.AveragePooling2D(2)(image))
    x = layers.Subtract(name="difference")([trunk(image), trunk(mirrored)])
    x = layers.Conv2D(6, 3, strides=2, use_bias=False, name="conv")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Dropout(0.5, name="drop")(layers.Flatten(name="flat")(x))
    model = keras.Model(image, layers.Dense(3, activation="softmax", name="classes")(x), name="nested")
    model.compile("adam", "categorical_crossentropy")
    model.fit(np.zeros((4, 8, 8, 3)), np.eye(3)[[0, 1, 2, 0]], verbose=0)
    return model


def half():
    """Weights of half precision, as float16 models have them."""
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3, name="half", dtype="float16")])
    return model


def sequences():
    """Recurrent layers, whose weights lie in their cells, alone and in wrappers."""
    steps = layers.Input((9, 4), name="steps")
    x = layers.BatchNormalization(name="norm")(layers.Conv1D(6, 3, use_bias=False, name="conv")(steps))
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True), name="both")(x)
    x = layers.GRU(4, return_sequences=True, name="gates")(x)
    x = layers.TimeDistributed(layers.Dense(3, activation="relu"), name="each")(x)
    x = layers.Bidirectional(layers.GRU(3), merge_mode="sum", name="sum")(x)
    return keras.Model(steps, layers.Dense(2, name="classes")(x), name="sequences")


def chain():
    """What each pass acts on, for images as the digits are."""
    return keras.Sequential(
        [
            layers.Input((8, 8, 1), name="image"),
            layers.Conv2D(4, 3, name="conv_a"),
            layers.BatchNormalization(name="bn"),
            layers.ReLU(name="relu"),
            layers.Conv2D(6, 3, activation="relu", name="conv_b"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.LayerNormalization(name="ln"),
            layers.Dense(8, activation="tanh", name="dense_a"),
            layers.Dropout(0.25, name="drop"),
            layers.Dense(10, name="dense_b"),
        ],
        name="chain",
    )


def repeated_text(path, length, count):
    """An attribute of one long text, and one of a list whose texts are all that same one in the file."""
    with h5py.File(path, "w") as file:
        file.attrs.create("long", "x" * length, dtype=h5py.string_dtype())
        file.attrs.create("names", ["eight---"] * count, dtype=h5py.string_dtype())
    data = bytearray(path.read_bytes())

    def places(size):
        """A text of any length is told by its length, and the address and number of where it is."""
        for at in range(len(data) - 16):
            found, address, _ = struct.unpack_from("<IQI", data, at)
            if found == size and data[address : address + 4] == b"GCOL":
                yield at

    (long,) = places(length)
    names = list(places(8))
    assert len(names) == count
    for at in names:
        data[at : at + 16] = data[long : long + 16]
    path.write_bytes(data)


def save_hostile(folder):
    with h5py.File(folder / "numbers.h5", "w") as file:
        file["numbers"] = np.zeros(4, "f4")
    virtual = h5py.VirtualLayout((4,), "f4")
    virtual[:] = h5py.VirtualSource(str(folder / "numbers.h5"), "numbers", (4,))
    for name in ("virtual", "storage"):
        with h5py.File(folder / f"hostile-{name}.h5", "w") as file:
            file.attrs["model_config"] = json.dumps({"class_name": "Sequential"}).encode()
            group = file.create_group("model_weights")
            group.attrs["layer_names"] = [b"dense"]
            if name == "virtual":
                group.create_virtual_dataset("numbers", virtual)
            else:
                group.create_dataset("numbers", (4,), "f4", external=[("/etc/hostname", 0, 16)])
    repeated_text(folder / "hostile-texts.h5", 1_000_000, 3000)
    repeated_text(folder / "hostile-shared-text.h5", 100_000, 9)
    # Four numbers, in a chunk that expands to half a gigabyte.
    with h5py.File(folder / "hostile-chunk.h5", "w") as file:
        numbers = file.create_dataset("numbers", (4,), "f4", chunks=(4,), compression="gzip")
        deflate = zlib.compressobj(9)
        parts = [deflate.compress(bytes(1 << 24)) for _ in range(32)]
        numbers.id.write_direct_chunk((0,), b"".join(parts) + deflate.flush())
    # Four numbers, in a chunk of a gigabyte.
    with h5py.File(folder / "hostile-chunk-shape.h5", "w") as file:
        chunks = {"maxshape": (None,), "chunks": (2**28,), "compression": "gzip"}
        numbers = file.create_dataset("numbers", (4,), "f4", **chunks)
        numbers.id.write_direct_chunk((0,), zlib.compress(bytes(16)))


FIXTURES.mkdir(exist_ok=True)
goldens = {}
with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    for make in (unet, mobilenet, resnet, nested, half, sequences, chain):
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        model = scramble(make())
        shape = (2, *model.inputs[0].shape[1:])
        inputs = np.round(random.normal(size=shape) * 32).astype(int)
        output = keras.ops.convert_to_numpy(model((inputs / 32).astype(np.float32), training=False))
        norms = sum(type(layer).__name__ == "BatchNormalization" for layer in model._flatten_layers())
        goldens[make.__name__] = {
            "shape": shape,
            "inputs": inputs.ravel().tolist(),
            "output": [float(value) for value in output.ravel()],
            "norms": norms,
        }
        for ending in ("keras", "h5"):
            model.save(folder / f"{make.__name__}.{ending}")
    save_hostile(folder)
    for file in folder.iterdir():
        wanted = sys.argv[1:] or [file.stem]
        if file.name != "numbers.h5" and file.stem in wanted:
            packed = gzip.compress(file.read_bytes(), 9, mtime=0)
            (FIXTURES / f"{file.name}.gz").write_bytes(packed)
text = json.dumps(goldens).encode()
(HERE / "keras-files.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))
