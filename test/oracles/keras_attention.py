"""Attention layers of Keras 3 and what goes with them, in the form of keras_layers.py.

    KERAS_BACKEND=tensorflow python keras_attention.py

makes keras-attention.json.gz, models with their weights, inputs and outputs; transformer and vit under
test/fixtures/keras, whole files; and keras-transformers.json.gz, what those compute.
"""

import gzip
import json
import pathlib
import tempfile

import keras
import numpy as np
import tensorflow as tf
from keras import layers

HERE = pathlib.Path(__file__).parent
FIXTURES = HERE.parent / "fixtures" / "keras"
random = np.random.default_rng(8)


def numbers(array):
    return [float(np.float32(value)) for value in np.asarray(array, dtype=np.float32).ravel()]


def short(array):
    """Few digits, so that the file stays small."""
    return (np.round(array * 32) / 32).astype(np.float32)


def several(name, shapes, build):
    inputs = [layers.Input(shape) for shape in shapes]
    return name, keras.Model(inputs, build(inputs))


def with_scores(layer, *tensors, **options):
    result, scores = layer(*tensors, return_attention_scores=True, **options)
    return layers.Concatenate()([layers.Flatten()(result), layers.Flatten()(scores)])


def multi_head():
    three = [(5, 6), (4, 3), (4, 7)]
    attention = layers.MultiHeadAttention
    yield several("self-attention", [(5, 6)], lambda x: attention(2, 4)(x[0], x[0]))
    yield several("query, value and key", three, lambda x: attention(2, 4, value_dim=3)(*x))
    yield several("value by name", three[:2], lambda x: attention(2, 4, use_bias=False)(x[0], value=x[1]))
    yield several("output shape", [(5, 6)], lambda x: attention(3, 2, output_shape=4)(x[0], x[0]))
    yield several("output shape of two axes", [(5, 6)], lambda x: attention(3, 2, output_shape=(2, 3))(x[0], x[0]))
    yield several("causal", three[:2], lambda x: attention(2, 4)(x[0], x[1], use_causal_mask=True))
    yield several("causal with dropout", [(5, 6)], lambda x: attention(2, 4, dropout=0.3)(x[0], x[0], use_causal_mask=True))
    yield several("sliding window", [(6, 4)], lambda x: attention(2, 4, sliding_window=2)(x[0], x[0], use_causal_mask=True))
    yield several("gate", [(5, 6)], lambda x: attention(2, 4, value_dim=3, use_gate=True)(x[0], x[0]))
    yield several("scores", [(5, 6)], lambda x: with_scores(attention(2, 4), x[0], x[0]))
    yield several("attention over an image", [(3, 4, 5)], lambda x: attention(2, 4)(x[0], x[0]))
    yield several("attention over the last axis", [(3, 4, 5)], lambda x: attention(2, 4, attention_axes=2)(x[0], x[0]))
    steps = layers.Input((5, 6), name="steps")
    allowed = layers.Input((5, 5), name="allowed", dtype="bool")
    yield "attention mask", keras.Model([steps, allowed], attention(2, 4)(steps, steps, attention_mask=allowed))
    groups = layers.GroupQueryAttention
    yield several("groups", [(5, 6)], lambda x: groups(4, 4, 2)(x[0], x[0], use_causal_mask=True))
    yield several("groups with dropout", [(5, 6), (4, 6)], lambda x: groups(4, 6, 3, dropout=0.1)(x[0], x[1]))


def masked_words():
    words = layers.Input((6,), name="words")

    def embedded():
        return layers.Embedding(5, 4, mask_zero=True)(words)

    x = embedded()
    yield "words masked, attention", keras.Model(words, layers.MultiHeadAttention(2, 3)(x, x))
    x = embedded()
    yield "words masked, attention with dropout", keras.Model(words, layers.MultiHeadAttention(2, 3, dropout=0.2)(x, x, use_causal_mask=True))
    x = embedded()
    y = layers.Add()([x, layers.MultiHeadAttention(2, 3)(x, x)])
    z = layers.Add()([y, layers.MultiHeadAttention(2, 3)(y, y)])
    yield "words masked, two blocks averaged", keras.Model(words, layers.GlobalAveragePooling1D()(z))
    x = embedded()
    yield "words masked, groups", keras.Model(words, layers.GroupQueryAttention(3, 4, 2)(x, x))
    x = embedded()
    yield "words masked, dot attention", keras.Model(words, layers.Attention(use_scale=True)([x, x], use_causal_mask=True))
    x = embedded()
    yield "words masked, additive", keras.Model(words, layers.AdditiveAttention()([x, x]))
    x, other = embedded(), layers.Embedding(5, 4, mask_zero=True)(words)
    joined = layers.Concatenate()([x, other])
    yield "words masked, joined", keras.Model(words, layers.GlobalAveragePooling1D()(joined))


def single_head():
    three = [(5, 6), (4, 6), (4, 6)]
    yield several("Attention", three[:2], lambda x: layers.Attention()(x))
    yield several("Attention scaled", three, lambda x: layers.Attention(use_scale=True)(x))
    yield several("Attention concat", three, lambda x: layers.Attention(use_scale=True, score_mode="concat", dropout=0.2)(x))
    yield several("AdditiveAttention", three, lambda x: layers.AdditiveAttention()(x))
    yield several("AdditiveAttention unscaled", three[:2], lambda x: layers.AdditiveAttention(use_scale=False)(x, use_causal_mask=True))
    yield several("Attention scores", three, lambda x: with_scores(layers.Attention(), x))


def others():
    def one(name, shape, layer):
        return several(name, [shape], lambda x: layer(x[0]))

    einsum = layers.EinsumDense
    yield one("EinsumDense", (5, 6), einsum("abc,cde->abde", (None, 3, 2), bias_axes="de", activation="relu"))
    yield one("EinsumDense of rows", (5, 6), einsum("...x,xy->...y", 4, bias_axes="y"))
    yield one("EinsumDense over two axes", (5, 3, 2), einsum("abde,dec->abc", (None, 4)))
    yield one("EinsumDense along steps", (5, 6), einsum("abc,bd->adc", (4, 6), bias_axes="d"))
    yield one("EinsumDense with part of a bias", (5, 6), einsum("abc,cde->abde", (None, 3, 2), bias_axes="d"))
    yield one("SpectralNormalization", (5, 6), layers.SpectralNormalization(layers.Conv1D(4, 3)))
    logits = layers.Input((4, 5), name="logits")
    kept = layers.Input((4, 5), name="kept", dtype="bool")
    yield "Softmax with a mask", keras.Model([logits, kept], layers.Softmax()(logits, mask=kept))


def scramble(model):
    for weight in model.weights:
        if "seed_generator" in weight.path:
            continue
        value = short(random.normal(size=weight.shape) * 0.5)
        if "gamma" in weight.path or "variance" in weight.path:
            value = np.float32(0.5) + np.abs(value)
        weight.assign(value)


def written(name, model):
    scramble(model)
    inputs = [short(random.normal(size=(2, *each.shape[1:]))) for each in model.inputs]
    if "words" in name:
        inputs = [np.float32([[3, 0, 1, 4, 0, 0], [0, 2, 2, 1, 0, 3]])]
    for index, each in enumerate(model.inputs):
        if each.dtype == "bool":
            inputs[index] = inputs[index] > -0.5
            inputs[index][0, 1] = False
    output = keras.ops.convert_to_numpy(model(inputs if len(inputs) > 1 else inputs[0], training=False))
    weights = {each.path: each for each in model.weights if "seed_generator" not in each.path}
    return {
        "name": name,
        "config": json.loads(model.to_json()),
        "weights": {path: {"shape": list(each.shape), "values": numbers(each)} for path, each in weights.items()},
        "inputs": [{"shape": list(each.shape), "values": numbers(each), "type": str(each.dtype)} for each in inputs],
        "output": numbers(output),
    }


def transformer():
    """Encoder of words as in Vaswani et al. 2017, its positions learned, with a BatchNormalization to fold."""
    words = layers.Input((10,), name="words")
    x = layers.Embedding(20, 16, mask_zero=True, name="words_embedded")(words)
    for block in range(2):
        heads = layers.MultiHeadAttention(4, 4, dropout=0.1, name=f"attention_{block}")
        x = layers.LayerNormalization(name=f"norm_{block}")(layers.Add()([x, heads(x, x)]))
        y = layers.Dense(24, activation="gelu", name=f"wide_{block}")(x)
        y = layers.Dropout(0.1)(layers.Dense(16, name=f"narrow_{block}")(y))
        x = layers.LayerNormalization(name=f"norm_{block}_out")(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    x = layers.BatchNormalization(name="norm")(layers.Dense(12, name="head", use_bias=False)(x))
    return keras.Model(words, layers.Dense(3, name="classes")(layers.ReLU()(x)), name="transformer")


def vit():
    """Patches of an image by a convolution, as in Dosovitskiy et al. 2021; the mean of the patches is classified."""
    image = layers.Input((16, 16, 3), name="image")
    x = layers.Conv2D(12, 4, strides=4, use_bias=False, name="patches")(image)
    x = layers.BatchNormalization(name="patches_norm")(x)
    x = layers.Reshape((16, 12))(x)
    for block in range(2):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        y = layers.MultiHeadAttention(3, 4, name=f"attention_{block}")(y, y)
        x = layers.Add()([x, y])
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        y = layers.Dense(12)(layers.Dense(24, activation="gelu")(y))
        x = layers.Add()([x, y])
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    return keras.Model(image, layers.Dense(5, name="classes")(layers.GlobalAveragePooling1D()(x)), name="vit")


def gradients(model, inputs):
    """Of the mean cross-entropy for classes 0 and 1: each one's norm, and its sum with factors sin(1), sin(2), ..."""
    with tf.GradientTape() as tape:
        scores = model(inputs, training=False)
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(np.array([0, 1]), scores, from_logits=True))
    found = tape.gradient(loss, model.trainable_variables)
    flat = [tf.convert_to_tensor(each).numpy().astype(np.float64).ravel() for each in found]
    return {
        weight.path: [float(np.linalg.norm(each)), float(each @ np.sin(np.arange(1, each.size + 1)))]
        for weight, each in zip(model.trainable_variables, flat)
    }


def save_files():
    goldens = {}
    with tempfile.TemporaryDirectory() as temporary:
        for make in (transformer, vit):
            keras.utils.clear_session()
            model = make()
            scramble(model)
            shape = (2, *model.inputs[0].shape[1:])
            words = model.name == "transformer"
            drawn = random.integers(0, 20, shape) * 32 if words else random.normal(size=shape) * 32
            inputs = np.round(drawn).astype(int)
            output = keras.ops.convert_to_numpy(model((inputs / 32).astype(np.float32), training=False))
            norms = sum(type(layer).__name__ == "BatchNormalization" for layer in model.layers)
            goldens[model.name] = {
                "shape": shape,
                "inputs": inputs.ravel().tolist(),
                "output": numbers(output),
                "norms": norms,
                "gradients": gradients(model, (inputs / 32).astype(np.float32)),
            }
            for ending in ("keras", "h5"):
                file = pathlib.Path(temporary) / f"{model.name}.{ending}"
                model.save(file)
                packed = gzip.compress(file.read_bytes(), 9, mtime=0)
                (FIXTURES / f"{file.name}.gz").write_bytes(packed)
    return goldens


def save(name, data):
    (HERE / name).write_bytes(gzip.compress(json.dumps(data).encode(), 9, mtime=0))


cases = [*multi_head(), *masked_words(), *single_head(), *others()]
save("keras-attention.json.gz", [written(name, model) for name, model in cases])
save("keras-transformers.json.gz", save_files())
