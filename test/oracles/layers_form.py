"""Writes Keras 3 models as layers models of TensorFlow.js, as its converter does from Keras 2.

The configs of Keras 3 are turned into those of Keras 2, which is what TensorFlow.js loads: sizes as
batch_input_shape, types by name, initializers and other objects as class_name and config alone, and
the tensors that a layer is called with as [layer, call, output, arguments].
"""

import json
import pathlib

import numpy as np

# Fields that Keras 3 added; TensorFlow.js refuses none of them, but no file has them either.
ADDED = {"module", "registered_name", "build_config", "compile_config", "quantization_config"}


def plain(value):
    """A field's value in the form of Keras 2."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "DTypePolicy":
        return value["config"]["name"]
    result = {key: plain(item) for key, item in value.items() if key not in ADDED}
    # Keras 3 has two names for it, TensorFlow.js one.
    return {key: "swish" if item == "silu" else item for key, item in result.items()}


def references(value):
    """The tensors in the arguments of a call, in their order."""
    if isinstance(value, list):
        return [reference for item in value for reference in references(item)]
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        layer, call, output = value["config"]["keras_history"]
        return [[layer, call, output, {}]]
    return []


def plain_layer(layer):
    if layer["class_name"] in ("Functional", "Sequential"):
        result = plain_model(layer)
        result["name"] = layer["config"]["name"]
    else:
        config = plain(layer["config"])
        if "batch_shape" in config:
            config["batch_input_shape"] = config.pop("batch_shape")
        for name, wrapped in config.items():
            if isinstance(wrapped, dict) and name in ("layer", "forward_layer", "backward_layer"):
                config[name] = plain_layer(layer["config"][name])
        result = {"class_name": layer["class_name"], "name": config["name"], "config": config}
    if "inbound_nodes" in layer:
        result["inbound_nodes"] = [references(call["args"]) for call in layer["inbound_nodes"]]
    return result


def listed(ends):
    return [ends] if isinstance(ends[0], str) else ends


def plain_model(model):
    config = model["config"]
    result = {"name": config["name"], "layers": [plain_layer(each) for each in config["layers"]]}
    for ends in ("input_layers", "output_layers"):
        if ends in config:
            result[ends] = listed(config[ends])
    return {"class_name": model["class_name"], "config": result}


def layers_model(model):
    """model.json without its weights, and the weights in order as (name, array)."""
    topology = plain_model(json.loads(model.to_json()))
    weights = []
    for weight in model.weights:
        if "seed_generator" in weight.path:
            continue
        # TensorFlow.js has no names of Sequential models and of cells, and one of its own.
        parts = weight.path.removeprefix(f"{model.name}/").split("/")
        name = "/".join(part for part in parts if not part.endswith("_cell"))
        if "depthwise_conv" in name:
            name = name.replace("/kernel", "/depthwise_kernel")
        weights.append((name, np.asarray(weight.numpy(), dtype=np.float32)))
    document = {
        "format": "layers-model",
        "generatedBy": "keras v2.15.0",
        "convertedBy": "TensorFlow.js Converter v4.22.0",
        "modelTopology": {
            "keras_version": "2.15.0",
            "backend": "tensorflow",
            "model_config": topology,
        },
    }
    return document, weights


def save(model, folder, shard_bytes=4 * 2**20):
    """Writes model.json and its files of weights."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    document, weights = layers_model(model)
    data = b"".join(array.astype("<f4").tobytes() for _, array in weights)
    count = max(1, -(-len(data) // shard_bytes))
    paths = [f"group1-shard{i + 1}of{count}.bin" for i in range(count)]
    for i, path in enumerate(paths):
        (folder / path).write_bytes(data[i * shard_bytes : (i + 1) * shard_bytes])
    entries = [
        {"name": name, "shape": list(array.shape), "dtype": "float32"} for name, array in weights
    ]
    document["weightsManifest"] = [{"paths": paths, "weights": entries}]
    (folder / "model.json").write_text(json.dumps(document))
