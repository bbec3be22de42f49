"""More patterns for fold_patterns.py: edges of each neighbour, both directions, quantized weights and bodies."""

from __future__ import annotations

import numpy as np
from fold_patterns import DOUBLE, FLOAT, FLOAT16, Numbers, batch_norm, build, conv_bn, helper, node, numpy_helper, onnx

AXIS = "lie along axis"


def chain(*steps):
    """Nodes from (operator, other inputs, attributes), each reading the last: x → … → y. A string puts a BatchNorm there."""
    nodes, value = [], "x"
    for position, step in enumerate(steps):
        output = "y" if position == len(steps) - 1 else f"v{position}"
        if isinstance(step, str):
            nodes.append(batch_norm(value, output, step, step.removeprefix("bn")))
        else:
            operator, others, attributes = step
            inputs = [others[0], value] if attributes.pop("second", False) else [value, *others]
            attributes.setdefault("name", operator.lower())
            nodes.append(node(operator, inputs, [output], **attributes))
        value = output
    return nodes


def moved(save):
    """Between the linear operator and the BatchNorm."""
    numbers = Numbers("moved")
    conv = {"weight": numbers.normal(4, 3, 3, 3), "bias": numbers.normal(4)}
    image, four = {"x": [2, 3, 5, 5]}, Numbers("four").batch_norm(4)
    take = lambda: ("Conv", ["weight", "bias"], {})
    shape = lambda *sizes: {"shape": np.array(sizes, dtype=np.int64)}
    save("conv-reshape-bn", build(chain(take(), ("Reshape", ["shape"], {}), "bn"), conv | four | shape(2, 4, 9), image), {"bn": "fold"})
    save("conv-identity-bn", build(chain(take(), ("Identity", [], {}), "bn"), conv | four, image), {"bn": "fold"})
    nodes = chain(take(), ("Unsqueeze", ["shape"], {}), ("Squeeze", ["shape"], {}), "bn")
    save("conv-unsqueeze-squeeze-bn", build(nodes, conv | four | shape(4), image), {"bn": "fold"})
    nodes = chain(take(), ("Flatten", [], {}), "bn")
    save("conv-flatten-bn", build(nodes, conv | Numbers("36").batch_norm(36), image), {"bn": ("skip", "Flatten flatten, which lies between, mixes")})
    nodes = chain(take(), ("Transpose", [], dict(perm=[0, 3, 1, 2])), "bn")
    save("conv-transposed-bn", build(nodes, conv | Numbers("3").batch_norm(3), image), {"bn": ("skip", AXIS)})
    nodes = chain(take(), ("Transpose", [], dict(perm=[1, 0, 2, 3])), ("Transpose", [], dict(perm=[1, 0, 3, 2], name="back")), "bn")
    save("conv-two-transposes-bn", build(nodes, conv | four, image), {"bn": "fold"})
    tensors = {"weight": numbers.normal(3, 12), "bias": numbers.normal(12)} | four | shape(2, 4, 3)
    nodes = chain(("Gemm", ["weight", "bias"], {}), ("Reshape", ["shape"], {}), "bn")
    save("gemm-reshape-bn", build(nodes, tensors, {"x": [2, 3]}), {"bn": "fold"})
    up = ("ConvTranspose", ["weight", "bias"], dict(strides=[2, 3], pads=[1, 0, 0, 1], output_padding=[1, 1], dilations=[1, 2], group=2))
    tensors = {"weight": numbers.normal(4, 3, 2, 3), "bias": numbers.normal(6)} | Numbers("six").batch_norm(6)
    save("strided-conv-transpose-bn", build(chain(up, "bn"), tensors, {"x": [2, 4, 3, 3]}), {"bn": "fold"})


def products(save):
    """Gemm and MatMul in their less usual forms."""
    numbers, five = Numbers("products"), Numbers("five").batch_norm(5)
    for name, dims in {"row": (1, 5), "column": (2, 1), "matrix": (2, 5), "scalar": ()}.items():
        tensors = {"weight": numbers.normal(3, 5), "bias": np.asarray(numbers.normal(*dims), dtype=np.float32)} | five
        save(f"gemm-{name}-bias-bn", build(chain(("Gemm", ["weight", "bias"], dict(beta=0.5)), "bn"), tensors, {"x": [2, 3]}), {"bn": "fold"})
    tensors = {"weight": numbers.normal(3, 5)} | five
    save("gemm-without-bias-bn", build(chain(("Gemm", ["weight"], dict(alpha=0.25)), "bn"), tensors, {"x": [2, 3]}), {"bn": "fold"})
    nodes = chain(("MatMul", ["weight"], dict(second=True)), "bn")
    save("matmul-left-weight-bn", build(nodes, {"weight": numbers.normal(5, 3)} | five, {"x": [2, 3, 4]}), {"bn": "fold"})
    nodes = chain(("MatMul", ["weight"], {}), ("Transpose", [], dict(perm=[0, 2, 1])), "bn")
    save("matmul-stack-bn", build(nodes, {"weight": numbers.normal(2, 3, 5)} | five, {"x": [2, 4, 3]}), {"bn": "fold"})
    nodes = chain(("MatMul", ["weight"], {}), "bn")
    save("matmul-wrong-axis-bn", build(nodes, {"weight": numbers.normal(3, 5)} | Numbers("4").batch_norm(4), {"x": [2, 4, 3]}), {"bn": ("skip", AXIS)})


def arithmetic(save):
    """Mul, Add, Sub and Div by constants, beside a BatchNorm and alone."""
    numbers = Numbers("arithmetic")
    conv = {"weight": numbers.normal(4, 3, 3, 3), "bias": numbers.normal(4)}
    image = {"x": [2, 3, 5, 5]}
    channel = {"k": np.abs(numbers.normal(4, 1, 1)) + 0.5}
    take = lambda: ("Conv", ["weight", "bias"], {})
    for operator in ["Mul", "Add", "Sub", "Div"]:
        nodes = chain(take(), (operator, ["k"], {}))
        save(f"conv-{operator.lower()}", build(nodes, conv | channel, image), {operator.lower(): "fold"})
    save("conv-constant-minus", build(chain(take(), ("Sub", ["k"], dict(second=True))), conv | channel, image), {"sub": "fold"})
    save("conv-scalar-mul", build(chain(take(), ("Mul", ["k"], {})), conv | {"k": np.array(0.3, dtype=np.float32)}, image), {"mul": "fold"})
    along_width = {"k": numbers.normal(3)}
    save("conv-mul-wrong-axis", build(chain(take(), ("Mul", ["k"], {})), conv | along_width, image), {"mul": ("skip", AXIS)})
    save("conv-add-matrix", build(chain(take(), ("Add", ["k"], {})), conv | {"k": numbers.normal(3, 3)}, image), {"add": ("skip", "not one number a channel")})
    save("conv-mul-enlarges", build(chain(take(), ("Mul", ["k"], {})), conv | {"k": numbers.normal(2, 1, 4, 1, 1)}, image), {"mul": ("skip", "not one number a channel")})
    four = Numbers("four").batch_norm(4)
    nodes = chain(take(), ("Mul", ["k"], {}), ("Add", ["bias2"], {}), "bn", ("Mul", ["k"], dict(name="mul2")))
    save("conv-mul-add-bn-mul", build(nodes, conv | channel | four | {"bias2": numbers.normal(1, 4, 1, 1)}, image), {"bn": "fold", "mul2": "fold"})
    nodes = chain(take(), ("Add", ["k"], {}), "bn")
    save("conv-add-wrong-axis-bn", build(nodes, conv | along_width | four, image), {"bn": ("skip", "Add add, which lies between, acts along another axis")})
    nodes = chain(("Relu", [], {}), ("Mul", ["k"], {}), "bn", ("Add", ["k"], {}))
    save("mul-bn-add", build(nodes, channel | four, {"x": [2, 4, 3, 3]}), {"mul": "fold", "add": "fold", "bn": ("skip", "no weights")})
    tensors = {"weight": numbers.normal(3, 5), "bias": numbers.normal(5), "k": numbers.normal(5)}
    nodes = chain(("MatMul", ["weight"], {}), ("Add", ["bias"], {}), ("Mul", ["k"], {}))
    save("matmul-add-mul", build(nodes, tensors, {"x": [2, 4, 3]}), {"mul": "fold"})


def ahead(save):
    """BatchNorm before linear operators."""
    numbers, three = Numbers("ahead"), Numbers("three").batch_norm(3)
    image = {"x": [2, 3, 5, 5]}
    weight = {"weight": numbers.normal(4, 3, 3, 3)}
    conv = lambda **attributes: ("Conv", ["weight"], attributes)
    save("bn-conv-without-bias", build(chain("bn", conv()), three | weight, image), {"bn": "fold"})
    save("relu-bn-strided-conv", build(chain(("Relu", [], {}), "bn", conv(strides=[2, 2], dilations=[2, 1])), three | weight, image), {"bn": "fold"})
    save("bn-same-conv", build(chain("bn", conv(auto_pad="SAME_LOWER")), three | weight, image), {"bn": "fold"})
    four = Numbers("four").batch_norm(4)
    grouped = {"weight": numbers.normal(6, 2, 2), "bias": numbers.normal(6)}
    save("bn-grouped-conv", build(chain("bn", ("Conv", ["weight", "bias"], dict(group=2))), four | grouped, {"x": [2, 4, 5]}), {"bn": "fold"})
    up = {"weight": numbers.normal(4, 3, 2, 2), "bias": numbers.normal(6)}
    save("bn-conv-transpose", build(chain("bn", ("ConvTranspose", ["weight", "bias"], dict(group=2))), four | up, {"x": [2, 4, 3, 3]}), {"bn": "fold"})
    centred = three | {"shift": np.zeros(3, np.float32), "mean": np.zeros(3, np.float32)}
    save("bn-without-shift-padded-conv", build(chain("bn", conv(pads=[1] * 4)), centred | weight, image), {"bn": "fold"})
    idle = three | {"scale": np.array([1, 0, 2], np.float32)}
    save("bn-zero-scale-padded-conv", build(chain("bn", conv(pads=[1] * 4)), idle | weight, image), {"bn": ("skip", "is zero in channel 1")})
    save("bn-zero-scale-conv", build(chain("bn", conv()), idle | weight, image), {"bn": "fold"})
    other = {"other": numbers.normal(2, 3, 1, 1)}
    both = [*chain("bn", conv()), node("Conv", ["v0", "other"], ["z"], name="conv2")]
    save("bn-two-convs", build(both, three | weight | other, image, ["y", "z"]), {"bn": "fold"})
    relu = [*chain("bn", conv()), node("Relu", ["v0"], ["z"], name="relu")]
    save("bn-conv-and-relu", build(relu, three | weight, image, ["y", "z"]), {"bn": ("skip", "goes to Relu relu")})
    save("bn-conv-and-output", build(chain("bn", conv()), three | weight, image, ["y", "v0"]), {"bn": ("skip", "is an output of the model")})
    gemm = {"weight": numbers.normal(5, 3), "bias": numbers.normal(5)}
    nodes = chain("bn", ("Gemm", ["weight", "bias"], dict(transB=1, alpha=0.5, beta=2.0)))
    save("bn-gemm", build(nodes, three | gemm, {"x": [2, 3]}), {"bn": "fold"})
    nodes = chain("bn", ("Transpose", [], dict(perm=[0, 2, 3, 1])), ("MatMul", ["weight"], {}))
    save("bn-transpose-matmul", build(nodes, three | {"weight": numbers.normal(3, 2)}, image), {"bn": "fold"})
    nodes = chain("bn", ("Transpose", [], dict(perm=[0, 2, 3, 1])), ("Flatten", [], {}), ("Gemm", ["weight"], {}))
    save("bn-transpose-flatten-gemm", build(nodes, three | {"weight": numbers.normal(12, 2)}, {"x": [2, 3, 2, 2]}), {"bn": "fold"})
    nodes = chain("bn", ("MatMul", ["weight"], dict(second=True)))
    save("bn-matmul-left-weight", build(nodes, three | {"weight": numbers.normal(4, 3)}, {"x": [2, 3, 4]}), {"bn": "fold"})
    nodes = chain("bn1", "bn2", conv())
    save("bn-bn-conv", build(nodes, Numbers("b").batch_norm(3, suffix="1") | Numbers("c").batch_norm(3, suffix="2") | weight, image), {"bn2": "fold"})


def quantized(save):
    """Weights behind DequantizeLinear."""
    numbers, four = Numbers("quantized"), Numbers("four").batch_norm(4)
    whole = (numbers.normal(4, 3, 3, 3) * 80).astype(np.int8)
    image = {"x": [2, 3, 5, 5]}

    def model(nodes, tensors, arrays, inputs=image, **attributes):
        scales = node("DequantizeLinear", ["q", "s", *(["z"] if "z" in arrays else [])], ["weight"], name="dequantize", **attributes)
        built = build([scales, *nodes], tensors, inputs)
        built.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())
        return built

    one, each = np.array(0.02, np.float32), np.array([0.01, 0.02, 0.03, 0.04], np.float32)
    nodes = lambda: chain(("Conv", ["weight", "bias"], {}), "bn")
    tensors = {"bias": numbers.normal(4)} | four
    save("quantized-conv-bn", model(nodes(), tensors, {"q": whole, "s": one, "z": np.array(3, np.int8)}), {"bn": "fold"})
    save("quantized-per-channel-conv-bn", model(nodes(), tensors, {"q": whole, "s": each}, axis=0), {"bn": "fold"})
    negative = tensors | {"scale": np.array([1, -1, 1, 1], np.float32)}
    save("quantized-negative-scale-bn", model(nodes(), negative, {"q": whole, "s": one}), {"bn": ("skip", "not positive, for channel 1")})
    grouped = dict(group=2)
    six = {"bias": numbers.normal(6)} | Numbers("six").batch_norm(6)
    up = chain(("ConvTranspose", ["weight", "bias"], grouped), "bn")
    save("quantized-grouped-conv-transpose-bn", model(up, six, {"q": whole, "s": one}, {"x": [2, 4, 3, 3]}), {"bn": ("skip", "groups lie along two")})
    product = chain(("MatMul", ["weight"], {}), "bn")
    rows = (numbers.normal(3, 4) * 80).astype(np.int8)
    save("quantized-matmul-bn", model(product, four, {"q": rows, "s": one}, {"x": [2, 3]}), {"bn": "fold"})
    save("quantized-other-axis-matmul-bn", model(chain(("MatMul", ["weight"], {}), "bn"), four, {"q": rows, "s": each[:3]}, {"x": [2, 3]}, axis=0), {"bn": ("skip", "scales along axis 0")})


def parameters(save):
    nodes, tensors, inputs = conv_bn("parameters")
    save("overridable-weight", build(nodes, tensors, inputs, overridable=["weight"]), {"bn": ("skip", "overrid")})
    hidden = {f"{name}_hidden": values for name, values in tensors.items() if name != "shift"} | {"shift": tensors["shift"]}
    hidden["mean_hidden"] = hidden["mean_hidden"].reshape(4, 1)
    hidden["axes"] = np.array([1], dtype=np.int64)
    steps = [
        node("Identity", ["weight_hidden"], ["weight"]),
        node("Unsqueeze", ["bias_hidden", "axes"], ["bias_column"]),
        node("Squeeze", ["bias_column"], ["bias"]),
        node("Identity", ["scale_hidden"], ["scale"]),
        node("Squeeze", ["mean_hidden", "axes"], ["mean"]),
        node("Identity", ["variance_hidden"], ["variance"]),
    ]
    save("parameters-behind-squeeze", build([*steps, *nodes], hidden, inputs), {"bn": "fold"}, same_as="raw-data")
    numbers = Numbers("ir3")
    shared = {"weight": numbers.normal(3, 3, 1, 1)} | numbers.batch_norm(3)
    both = [node("Conv", ["x", "weight"], ["c"], name="conv1"), batch_norm("c", "b"), node("Conv", ["b", "weight"], ["y"], name="conv2")]
    save("shared-weight-ir3", build(both, shared, {"x": [2, 3, 4, 4]}, opset=9, ir=3), {"bn": "fold"})
    numbers = Numbers("half")
    gemm = {"weight": numbers.normal(3, 5), "bias": numbers.normal(5)} | numbers.batch_norm(5)
    mixed = build(chain(("Gemm", ["weight", "bias"], {}), "bn"), gemm, {"x": [2, 3]}, element=FLOAT16, elements=dict.fromkeys(["scale", "shift", "mean", "variance"], FLOAT))
    save("float16-gemm-with-float-bn", mixed, {"bn": "fold"})
    ahead = {"weight": numbers.normal(3, 2)} | numbers.batch_norm(3)
    save("double-bn-matmul", build(chain("bn", ("MatMul", ["weight"], {})), ahead, {"x": [2, 3]}, element=DOUBLE), {"bn": "fold"})


def bodies(save):
    """A loop with weights of its own, and an If inside an If."""
    tensors = Numbers("loop")
    own = {"weight": tensors.normal(3, 3, 1, 1)} | tensors.batch_norm(3)
    initializers = [numpy_helper.from_array(values, name) for name, values in own.items()]
    image = [2, 3, 4, 4]
    info = lambda name, kind=FLOAT, shape=image: helper.make_tensor_value_info(name, kind, shape)
    inner = [node("Conv", ["state", "weight"], ["c"], name="conv"), batch_norm("c", "next"), node("Identity", ["go"], ["go_on"])]
    body = helper.make_graph(inner, "body", [info("i", onnx.TensorProto.INT64, []), info("go", onnx.TensorProto.BOOL, []), info("state")], [info("go_on", onnx.TensorProto.BOOL, []), info("next")], initializers)
    loop = node("Loop", ["count", "", "x"], ["y"], name="loop", body=body)
    model = build([loop], {"count": np.array(2, dtype=np.int64)}, {"x": image})
    save("loop-body", model, {"bn": "fold"})

    outer = conv_bn("nested")[1]
    fold = [node("Conv", ["x", "weight", "bias"], ["c"], name="conv"), batch_norm("c", "b"), node("Relu", ["b"], ["r"])]
    deep = helper.make_graph(fold, "deep", [], [info("r", FLOAT, [2, 4, 3, 3])])
    plain = helper.make_graph([node("Conv", ["x", "weight", "bias"], ["p"], name="plain")], "plain", [], [info("p", FLOAT, [2, 4, 3, 3])])
    choose = node("If", ["condition"], ["d"], name="inner", then_branch=deep, else_branch=plain)
    middle = helper.make_graph([choose], "middle", [], [info("d", FLOAT, [2, 4, 3, 3])])
    other = helper.make_graph([node("Conv", ["x", "weight", "bias"], ["o"], name="other")], "other", [], [info("o", FLOAT, [2, 4, 3, 3])])
    top = node("If", ["condition"], ["y"], name="outer", then_branch=middle, else_branch=other)
    model = build([top], outer, {"x": [2, 3, 5, 5]})
    model.graph.input.append(helper.make_tensor_value_info("condition", onnx.TensorProto.BOOL, []))
    save("nested-if", model, {"bn": "fold"})


GROUPS = (moved, products, arithmetic, ahead, quantized, parameters, bodies)
