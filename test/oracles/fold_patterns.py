"""Makes test/fixtures/onnx/*.onnx, one tiny model per BatchNorm pattern, and patterns.json with the expected outcome.

Run: python test/oracles/fold_patterns.py   (Python 3.11, onnx 1.23.1, onnxruntime 1.30.0, numpy 2.4.6; about 5 s)

patterns.json is a list of {file, expect: [{bn, outcome, alsoAllowed?, reasonContains?}], runs, sameAs?}:
  outcome   "fold": into a neighbour; "affine": Mul and Add; "skip": left alone, with a reason.
  runs      ONNX Runtime 1.30 can run the file as it is.
  sameAs    another file that computes the same function from the same weights.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.helper import make_node as node

FOLDER = Path(__file__).resolve().parents[1] / "fixtures/onnx"
FLOAT, FLOAT16, DOUBLE, BFLOAT16 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16
CONV_OUTPUT = [2, 4, 3, 3]
PARAMETERS = ["scale", "shift", "mean", "variance"]

patterns: list[dict] = []


class Numbers:
    """Random tensors that depend only on the file's name, so that adding a pattern changes no other file."""

    def __init__(self, seed: str) -> None:
        self.random = np.random.default_rng(zlib.crc32(seed.encode()))

    def normal(self, *shape: int) -> np.ndarray:
        return self.random.normal(0, 0.5, shape).astype(np.float32)

    def batch_norm(self, *shape: int, suffix: str = "") -> dict[str, np.ndarray]:
        return {
            f"scale{suffix}": self.random.uniform(0.5, 1.5, shape).astype(np.float32),
            f"shift{suffix}": self.normal(*shape),
            f"mean{suffix}": self.normal(*shape),
            f"variance{suffix}": self.random.uniform(0.5, 2, shape).astype(np.float32),
        }


def batch_norm(source: str, output: str = "y", name: str = "bn", suffix: str = "", **attributes):
    inputs = [source, *(parameter + suffix for parameter in PARAMETERS)]
    return node("BatchNormalization", inputs, [output], name=name, **attributes)


def tensor(name: str, values: np.ndarray, element: int, typed: bool = False) -> onnx.TensorProto:
    if typed:
        return helper.make_tensor(name, element, values.shape, values.ravel().tolist())
    values = np.asarray(values)
    if values.dtype == np.float32 and element != FLOAT:
        values = values.astype(helper.tensor_dtype_to_np_dtype(element))
    return numpy_helper.from_array(values, name)


def build(nodes, tensors, inputs, outputs=("y",), opset=17, ir=8, element=FLOAT, elements=None, typed=False, overridable=(), domains=()):
    """A model from nodes and arrays. `inputs` maps names to shapes; `overridable` initializers are also graph inputs."""
    elements = elements or {}
    initializers = [tensor(name, values, elements.get(name, element), typed) for name, values in tensors.items()]
    listed = list(tensors) if ir < 4 else overridable
    graph_inputs = [helper.make_tensor_value_info(name, element, shape) for name, shape in inputs.items()]
    graph_inputs += [
        helper.make_tensor_value_info(each.name, each.data_type, list(each.dims))
        for each in initializers
        if each.name in listed
    ]
    graph_outputs = [helper.make_tensor_value_info(name, element, None) for name in outputs]
    graph = helper.make_graph(nodes, "graph", graph_inputs, graph_outputs, initializers)
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=ir)
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    for ours, theirs in zip(model.graph.output, inferred.graph.output):
        ours.CopyFrom(theirs)
        if not ours.type.tensor_type.HasField("shape"):  # no inference for the oldest forms and for other domains
            ours.CopyFrom(helper.make_tensor_value_info(ours.name, element, CONV_OUTPUT))
    return model


def runs(path: Path) -> bool:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        types = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(bool)": bool}
        session.run(None, {each.name: np.ones(each.shape, types[each.type]) for each in session.get_inputs()})
        return True
    except Exception as error:  # ONNX Runtime's exceptions share no base class
        print(f"  {path.name} does not run: {str(error)[:110]}")
        return False


def save(file: str, model: onnx.ModelProto, expect: dict[str, str | tuple[str, str]], same_as: str | None = None, checked=True):
    """Writes the file and its entry in patterns.json. An expectation is an outcome or (outcome, reason)."""
    path = FOLDER / f"{file}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    model.producer_name = "fold_patterns.py"
    if file.startswith("external/"):
        path.with_suffix(".data").unlink(missing_ok=True)  # onnx appends to the file it finds
        onnx.save(model, path, save_as_external_data=True, location=f"{path.stem}.data", size_threshold=0)
    else:
        path.write_bytes(model.SerializeToString())
    if checked:
        onnx.checker.check_model(str(path))
    expectations = []
    for name, outcome in expect.items():
        entry: dict = {"bn": name}
        if isinstance(outcome, tuple):
            entry |= {"outcome": outcome[0], "reasonContains": outcome[1]}
        elif "|" in outcome:
            first, *others = outcome.split("|")
            entry |= {"outcome": first, "alsoAllowed": others}
        else:
            entry |= {"outcome": outcome}
        expectations.append(entry)
    patterns.append({"file": f"{file}.onnx", "expect": expectations, "runs": runs(path)})
    if same_as:
        patterns[-1]["sameAs"] = f"{same_as}.onnx"


def conv_bn(seed, spatial=(5, 5), channels=(3, 4), group=1, bias=True, kernel=3, **attributes):
    """Nodes, tensors and inputs of x → Conv → BatchNormalization → y."""
    numbers, (taken, made) = Numbers(seed), channels
    tensors = {"weight": numbers.normal(made, taken // group, *[kernel] * len(spatial))}
    if bias:
        tensors["bias"] = numbers.normal(made)
    tensors |= numbers.batch_norm(made)
    conv = node("Conv", ["x", *list(tensors)[: 1 + bias]], ["c"], name="conv", group=group, **attributes)
    return [conv, batch_norm("c")], tensors, {"x": [2, taken, *spatial]}


def convolutions():
    variants = {
        "conv1d-bn": dict(spatial=(7,)),
        "conv2d-bn": dict(),
        "conv3d-bn": dict(spatial=(3, 4, 5), kernel=2),
        "grouped-conv-bn": dict(channels=(4, 6), group=2),
        "depthwise-conv-bn": dict(channels=(4, 4), group=4),
        "depthwise-multiplier-conv-bn": dict(channels=(3, 6), group=3),
        "strided-dilated-conv-bn": dict(spatial=(9, 8), strides=[2, 1], dilations=[1, 2], pads=[0, 1, 2, 1]),
        "auto-pad-conv-bn": dict(spatial=(6, 6), strides=[2, 2], auto_pad="SAME_UPPER"),
    }
    for name, options in variants.items():
        for bias in (True, False):
            file = name if bias else f"{name}-without-bias"
            save(file, build(*conv_bn(file, bias=bias, **options)), {"bn": "fold"})


def other_producers():
    for file, group in {"conv-transpose-bn": 1, "grouped-conv-transpose-bn": 2, "depthwise-conv-transpose-bn": 4}.items():
        numbers, made = Numbers(file), 4 if group == 4 else 6
        tensors = {"weight": numbers.normal(4, made // group, 3, 3), "bias": numbers.normal(made)} | numbers.batch_norm(made)
        up = node("ConvTranspose", ["x", "weight", "bias"], ["c"], name="up", group=group, strides=[2, 2])
        save(file, build([up, batch_norm("c")], tensors, {"x": [2, 4, 3, 3]}), {"bn": "fold"})

    for trans_a, trans_b, alpha, beta in [(0, 0, 1.0, 1.0), (0, 1, 1.0, 1.0), (1, 0, 0.5, 2.0), (1, 1, 2.0, 0.0)]:
        file = f"gemm-{trans_a}{trans_b}-alpha{alpha:g}-beta{beta:g}-bn"
        numbers = Numbers(file)
        weight = numbers.normal(5, 3) if trans_b else numbers.normal(3, 5)
        tensors = {"weight": weight, "bias": numbers.normal(5)} | numbers.batch_norm(5)
        gemm = node("Gemm", ["x", "weight", "bias"], ["c"], name="fc", transA=trans_a, transB=trans_b, alpha=alpha, beta=beta)
        save(file, build([gemm, batch_norm("c")], tensors, {"x": [3, 2] if trans_a else [2, 3]}), {"bn": "fold"})

    numbers = Numbers("matmul")
    tensors = {"weight": numbers.normal(3, 5)} | numbers.batch_norm(5)
    matmul = node("MatMul", ["x", "weight"], ["c"], name="fc")
    save("matmul-bn", build([matmul, batch_norm("c")], tensors, {"x": [2, 3]}), {"bn": "fold"})
    add = node("Add", ["c", "bias"], ["a"], name="add")
    tensors |= {"bias": numbers.normal(5)}
    save("matmul-add-bn", build([matmul, add, batch_norm("a")], tensors, {"x": [2, 3]}), {"bn": "fold"})
    transpose = node("Transpose", ["c"], ["t"], name="transpose", perm=[0, 2, 1])
    save("matmul-transpose-bn", build([matmul, transpose, batch_norm("t")], tensors, {"x": [2, 4, 3]}), {"bn": "fold"})

    nodes, tensors, inputs = conv_bn("conv-add-bn", bias=False)
    add = node("Add", ["c", "bias"], ["a"], name="add")
    tensors |= {"bias": Numbers("conv-add-bn bias").normal(1, 4, 1, 1)}
    save("conv-add-bn", build([nodes[0], add, batch_norm("a")], tensors, inputs), {"bn": "fold"})


def forward():
    """BatchNorm before the linear operator."""
    for file, pads, outcome in [("bn-conv", [0] * 4, "fold"), ("bn-padded-conv", [1] * 4, "fold")]:
        numbers = Numbers(file)
        tensors = numbers.batch_norm(3) | {"weight": numbers.normal(4, 3, 3, 3), "bias": numbers.normal(4)}
        conv = node("Conv", ["b", "weight", "bias"], ["y"], name="conv", pads=pads)
        save(file, build([batch_norm("x", "b"), conv], tensors, {"x": [2, 3, 5, 5]}), {"bn": outcome})
    numbers = Numbers("bn-flatten-gemm")
    tensors = numbers.batch_norm(3) | {"weight": numbers.normal(12, 5), "bias": numbers.normal(5)}
    nodes = [batch_norm("x", "b"), node("Flatten", ["b"], ["f"]), node("Gemm", ["f", "weight", "bias"], ["y"], name="fc")]
    save("bn-flatten-gemm", build(nodes, tensors, {"x": [2, 3, 2, 2]}), {"bn": "fold"})
    numbers = Numbers("bn-bn")
    tensors = numbers.batch_norm(3, suffix="1") | numbers.batch_norm(3, suffix="2")
    nodes = [batch_norm("x", "b", "bn1", "1"), batch_norm("b", "y", "bn2", "2")]
    save("bn-bn", build(nodes, tensors, {"x": [2, 3, 4]}), {"bn1": ("skip", "model's input x"), "bn2": "fold"})


def standalone():
    tensors = Numbers("standalone").batch_norm(3)
    relu = node("Relu", ["x"], ["r"], name="relu")
    save("bn-after-input", build([batch_norm("x")], tensors, {"x": [2, 3, 4, 4]}), {"bn": "affine"})
    save("bn-after-relu", build([relu, batch_norm("r")], tensors, {"x": [2, 3, 4, 4]}), {"bn": "affine"})
    save("bn-rank2", build([batch_norm("x")], tensors, {"x": [2, 3]}), {"bn": "affine"})


def not_alone():
    nodes, tensors, inputs = conv_bn("two-consumers")
    relu = node("Relu", ["c"], ["z"], name="relu")
    save("two-consumers", build([*nodes, relu], tensors, inputs, ["y", "z"]), {"bn": ("skip", "consumer")})
    save("conv-is-graph-output", build(nodes, tensors, inputs, ["y", "c"]), {"bn": ("skip", "output")})

    numbers = Numbers("shared-weight")
    tensors = {"weight": numbers.normal(3, 3, 3, 3), "bias": numbers.normal(3)}
    tensors |= numbers.batch_norm(3, suffix="1") | numbers.batch_norm(3, suffix="2")
    first = node("Conv", ["x", "weight", "bias"], ["c1"], name="conv1", pads=[1] * 4)
    second = node("Conv", ["b1", "weight", "bias"], ["c2"], name="conv2", pads=[1] * 4)
    both = [first, batch_norm("c1", "b1", "bn1", "1"), second, batch_norm("c2", "y", "bn2", "2")]
    save("shared-weight", build(both, tensors, {"x": [2, 3, 5, 5]}), {"bn1": "fold", "bn2": "fold"})
    del both[3], tensors["scale2"], tensors["shift2"], tensors["mean2"], tensors["variance2"]
    second.output[0] = "y"
    save("shared-weight-one-bn", build(both, tensors, {"x": [2, 3, 5, 5]}), {"bn1": "fold"})


def training():
    nodes, tensors, inputs = conv_bn("training-mode")
    extra = node("BatchNormalization", ["c", *PARAMETERS], ["y", "running_mean", "running_var"], name="bn", training_mode=1)
    outputs = ["y", "running_mean", "running_var"]
    save("training-mode", build([nodes[0], extra], tensors, inputs, outputs), {"bn": ("skip", "training")})
    save("training-mode-outputs-unused", build([nodes[0], extra], tensors, inputs), {"bn": ("skip", "training")})


def odd_variance():
    cases = {
        "negative-variance": (-0.5, ("skip", "negative")),
        "nan-variance": (np.nan, ("skip", "NaN")),
        "infinite-variance": (np.inf, ("skip", "Inf")),
        "tiny-variance": (1e-12, "fold"),
        "zero-variance": (0.0, "fold"),
    }
    for file, (value, outcome) in cases.items():
        nodes, tensors, inputs = conv_bn("odd-variance")
        tensors["variance"][2] = value
        save(file, build(nodes, tensors, inputs), {"bn": outcome})
    nodes, tensors, inputs = conv_bn("odd-variance")
    tensors["variance"][2] = 0
    nodes[1].attribute.append(helper.make_attribute("epsilon", 0.0))
    save("zero-variance-zero-epsilon", build(nodes, tensors, inputs), {"bn": ("skip", "variance")})


def where_parameters_live():
    nodes, tensors, inputs = conv_bn("parameters")
    runtime = {name: values for name, values in tensors.items() if name != "shift"}
    save("runtime-parameter", build(nodes, runtime, inputs | {"shift": [4]}), {"bn": ("skip", "run time")})
    runtime = {name: values for name, values in tensors.items() if name != "weight"}
    save("runtime-weight", build(nodes, runtime, inputs | {"weight": [4, 3, 3, 3]}), {"bn": "skip|affine"})
    save("overridable-initializer", build(nodes, tensors, inputs, overridable=["mean"]), {"bn": ("skip", "overrid")})
    save("float-data", build(nodes, tensors, inputs, typed=True), {"bn": "fold"}, same_as="raw-data")
    save("raw-data", build(nodes, tensors, inputs), {"bn": "fold"})

    constants = [node("Constant", [], [name], name=f"constant_{name}", value=tensor(name, values, FLOAT)) for name, values in tensors.items()]
    constants[-1] = node("Constant", [], ["variance"], name="constant_variance", value_floats=tensors["variance"].tolist())
    save("constant-nodes", build([*constants, *nodes], {}, inputs), {"bn": "fold"}, same_as="raw-data")

    hidden = {f"{name}_hidden": values for name, values in tensors.items()}
    hidden["shape"] = np.array([-1], dtype=np.int64)
    hidden["mean_hidden"] = hidden["mean_hidden"].reshape(1, 4, 1)
    hidden["scale_hidden"] = hidden["scale_hidden"].astype(np.float64)
    steps = [
        node("Identity", ["weight_hidden"], ["weight"]),
        node("Identity", ["bias_hidden"], ["bias_again"]),
        node("Identity", ["bias_again"], ["bias"]),
        node("Cast", ["scale_hidden"], ["scale"], to=FLOAT),
        node("Identity", ["shift_hidden"], ["shift"]),
        node("Reshape", ["mean_hidden", "shape"], ["mean"]),
        node("Identity", ["variance_hidden"], ["variance"]),
    ]
    save("parameters-behind-nodes", build([*steps, *nodes], hidden, inputs), {"bn": "fold"}, same_as="raw-data")
    save("external/external-data", build(nodes, tensors, inputs), {"bn": "fold"}, same_as="raw-data")


def element_types():
    for file, element in {"float16": FLOAT16, "bfloat16": BFLOAT16, "double": DOUBLE}.items():
        nodes, tensors, inputs = conv_bn("element-types")
        opset, ir = (22, 10) if element == BFLOAT16 else (17, 8)  # Conv takes bfloat16 since opset 22
        save(file, build(nodes, tensors, inputs, opset=opset, ir=ir, element=element), {"bn": "fold"})
    numbers = Numbers("double-gemm")
    tensors = {"weight": numbers.normal(3, 5), "bias": numbers.normal(5)} | numbers.batch_norm(5)
    gemm = node("Gemm", ["x", "weight", "bias"], ["c"], name="fc")
    save("double-gemm-bn", build([gemm, batch_norm("c")], tensors, {"x": [2, 3]}, element=DOUBLE), {"bn": "fold"})
    nodes, tensors, inputs = conv_bn("element-types")
    mixed = build(nodes, tensors, inputs, opset=15, element=FLOAT16, elements=dict.fromkeys(PARAMETERS, FLOAT))
    save("float16-with-float-bn", mixed, {"bn": "fold"})


def versions():
    """Every form of the operator since opset 1, all with the same weights."""
    forms = {
        1: (3, dict(consumed_inputs=[0, 0, 0, 1, 1], is_test=1, spatial=1, momentum=0.9)),
        6: (3, dict(is_test=1, spatial=1)),
        7: (3, dict(spatial=1)),
        8: (3, dict()),
        9: (4, dict(momentum=0.99)),
        14: (7, dict(training_mode=0)),
        15: (8, dict(training_mode=0, momentum=0.5)),
    }
    for opset, (ir, attributes) in forms.items():
        nodes, tensors, inputs = conv_bn("versions")
        nodes[1] = batch_norm("c", epsilon=1e-3, **attributes)
        model = build(nodes, tensors, inputs, opset=opset, ir=ir)
        save(f"opset{opset}", model, {"bn": "fold"}, same_as=None if opset == 9 else "opset9")
    nodes, tensors, inputs = conv_bn("versions")
    plain = [nodes[0], batch_norm("c", epsilon=1e-3)]
    save("opset9-ir3", build(plain, tensors, inputs, opset=9, ir=3), {"bn": "fold"}, "opset9")
    training = node("BatchNormalization", ["c", *PARAMETERS], ["y", "m", "v", "sm", "sv"], name="bn", epsilon=1e-3)
    outputs = ["y", "m", "v"]
    save("opset9-training-outputs", build([nodes[0], training], tensors, inputs, outputs, opset=9, ir=4), {"bn": ("skip", "output")})
    nodes[1] = batch_norm("c", epsilon=1e-3, is_test=0)
    save("opset6-is-test-0", build(nodes, tensors, inputs, opset=6, ir=3), {"bn": ("skip", "training")})
    tensors |= Numbers("spatial").batch_norm(4, 3, 3)
    nodes[1] = batch_norm("c", spatial=0)
    save("opset7-spatial-0", build(nodes, tensors, inputs, opset=7, ir=3), {"bn": "skip|affine"})


def inside_bodies():
    """BatchNorm in both branches of an If; the weights live in the outer graph."""
    tensors = conv_bn("bodies")[1]

    def branch(name: str, relu: bool) -> onnx.GraphProto:
        conv = node("Conv", ["x", "weight", "bias"], [f"c_{name}"], name=f"conv_{name}")
        normal = batch_norm(f"c_{name}", f"b_{name}", f"bn_{name}")
        end = node("Relu" if relu else "Neg", [f"b_{name}"], [f"y_{name}"], name=f"end_{name}")
        return helper.make_graph([conv, normal, end], name, [], [helper.make_tensor_value_info(f"y_{name}", FLOAT, CONV_OUTPUT)])

    choose = node("If", ["condition"], ["y"], name="if", then_branch=branch("then", True), else_branch=branch("else", False))
    model = build([choose], tensors, {"x": [2, 3, 5, 5]})
    model.graph.input.append(helper.make_tensor_value_info("condition", TensorProto.BOOL, []))
    save("if-bodies", model, {"bn_then": "fold", "bn_else": "fold"})


def unknown_fields(label: str) -> bytes:
    """Field 999 as text and field 1000 as a varint: fields that no version of ONNX defines."""
    text = f"unknown field of the {label}".encode()
    return bytes([0xBA, 0x3E, len(text)]) + text + bytes([0xC0, 0x3E, 42])


def carried_along():
    """What a pass does not understand and must keep byte for byte."""
    nodes, tensors, inputs = conv_bn("carried-along")
    nodes[1].output[0] = "b"
    nodes.append(node("Twice", ["b"], ["y"], name="twice", domain="com.example"))
    model = build(nodes, tensors, inputs, domains=["com.example"])
    twice = helper.make_function("com.example", "Twice", ["a"], ["b"], [node("Add", ["a", "a"], ["b"], name="add")], [helper.make_opsetid("", 17)])
    model.functions.append(twice)
    model.model_version, model.domain, model.producer_version = 7, "org.example.models", "1.2"
    helper.set_model_props(model, {"author": "A. Author", "classes": "zéro,un,deux"})
    model.doc_string, model.graph.doc_string = "Doc string of the model.\n", "Doc string of the graph."
    for index, each in enumerate(model.graph.node):
        each.doc_string = f"Doc string of node {index}."
    model.graph.initializer[0].doc_string = "Doc string of the weight."
    model.graph.input[0].doc_string = "Doc string of the input."
    note = model.graph.node[0].metadata_props.add()
    note.key, note.value = "source", "layers.py:12"
    quantization = model.graph.quantization_annotation.add()
    quantization.tensor_name = "x"
    step = helper.make_graph([node("Identity", ["bias"], ["bias_new"])], "step", [], [helper.make_tensor_value_info("bias_new", FLOAT, [4])])
    information = model.training_info.add()
    information.algorithm.CopyFrom(step)
    binding = information.update_binding.add()
    binding.key, binding.value = "bias", "bias_new"
    targets = {"model": model, "graph": model.graph, "node": model.graph.node[0], "batch norm": model.graph.node[1], "weight": model.graph.initializer[0], "input": model.graph.input[0]}
    for label, target in targets.items():
        target.MergeFromString(unknown_fields(label))
    save("carried-along", model, {"bn": "fold"}, checked=False)  # its training info is deprecated, unknown fields are no error

    nodes, tensors, inputs = conv_bn("custom-operator")
    nodes[1].output[0] = "b"
    nodes.append(node("Mystery", ["b"], ["y"], name="mystery", domain="com.example", strength=0.5))
    model = build(nodes, tensors, inputs, domains=["com.example"])
    save("custom-operator", model, {"bn": "fold"})


def main() -> None:
    from fold_pattern_edges import GROUPS  # it imports the helpers of this file

    for group in (convolutions, other_producers, forward, standalone, not_alone, training, odd_variance, where_parameters_live, element_types, versions, inside_bodies, carried_along):
        group()
    for group in GROUPS:
        group(save)
    lines = ",\n".join("  " + json.dumps(pattern) for pattern in patterns)
    (FOLDER / "patterns.json").write_text(f"[\n{lines}\n]\n")
    print(f"{len(patterns)} patterns")


if __name__ == "__main__":
    main()
