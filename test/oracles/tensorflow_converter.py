"""TensorFlow.js' own converter, from a checkout of its repository.

The package cannot be installed beside TensorFlow 2.21; its source runs there once the imports that this
conversion has no use for are out of the way:

    git clone https://github.com/tensorflow/tfjs FOLDER
    git -C FOLDER checkout 0fc04d958ea592f3b8db79a8b3b497b5c8904097      # June 2025, the newest
    pip install tensorflow-cpu==2.21.0 packaging                         # brings Keras 3.15
    TFJS_CONVERTER=FOLDER/tfjs-converter/python python ...

What is called is converters/tf_saved_model_conversion_v2.py, unchanged.
"""

import contextlib
import os
import pathlib
import sys
import tempfile
import types
from unittest import mock

import tensorflow as tf
from keras.src.backend.tensorflow import nn as keras_functions

SOURCE = pathlib.Path(os.environ["TFJS_CONVERTER"]).resolve() / "tensorflowjs"


def _package(name, path):
    """A package whose __init__, which imports everything, is not run."""
    module = types.ModuleType(name)
    module.__path__ = [str(path)]
    sys.modules[name] = module


for unused in ("tensorflow_decision_forests", "tensorflow_hub"):
    sys.modules[unused] = types.ModuleType(unused)
_package("tensorflowjs", SOURCE)
_package("tensorflowjs.converters", SOURCE / "converters")

from tensorflowjs.converters import tf_saved_model_conversion_v2 as conversion  # noqa: E402

_plain_batch_normalization = keras_functions.batch_normalization


def _fused_batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    """One FusedBatchNormV3 for images, as the layer of Keras 2 calls it."""
    if len(x.shape) != 4 or axis not in (-1, 3):
        return _plain_batch_normalization(x, mean, variance, axis, offset, scale, epsilon)
    scale = tf.ones_like(mean) if scale is None else scale
    offset = tf.zeros_like(mean) if offset is None else offset
    results = tf.compat.v1.nn.fused_batch_norm(
        x, scale, offset, mean, variance, epsilon=epsilon, is_training=False
    )
    return results[0]


def _fused():
    return mock.patch.object(keras_functions, "batch_normalization", _fused_batch_normalization)


@contextlib.contextmanager
def _without_folding():
    """Neither the converter's own folding of normalizations nor TensorFlow's fused operators."""
    run = conversion._run_grappler

    def without_remapping(config, *rest):
        optimizers = config.graph_options.rewrite_options.optimizers
        optimizers[:] = [name for name in optimizers if name != "remap"]
        return run(config, *rest)

    folding = conversion.fold_batch_norms
    with mock.patch.object(conversion, "_run_grappler", without_remapping):
        with mock.patch.object(folding, "fold_batch_norms", lambda graph: graph):
            yield


#: How a model of Keras may have become a graph model: what the model's normalizations are in the
#: SavedModel, and what the converter does to it.
FORMS = {
    # Keras 3 normalizes by Mul and Add, which TensorFlow's optimizer takes into many convolutions.
    "keras 3": (contextlib.nullcontext, contextlib.nullcontext),
    # Keras 2 normalizes by one operator, which the converter takes into many convolutions.
    "keras 2": (_fused, contextlib.nullcontext),
    # The same before the converter did so.
    "unfolded": (_fused, _without_folding),
}


def convert(model, folder, form="keras 3", **options):
    """Saves a model of Keras as a SavedModel and converts that to a graph model in the folder."""
    exporting, converting = FORMS[form]
    with tempfile.TemporaryDirectory() as saved:
        with exporting():
            model.export(saved, verbose=False)
        with converting():
            conversion.convert_tf_saved_model(saved, str(folder), **options)
