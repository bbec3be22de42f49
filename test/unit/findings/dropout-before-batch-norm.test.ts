import { expect, test } from "vitest";
import { dropoutBeforeBatchNorm } from "../../../src/findings/dropout-before-batch-norm.ts";
import type { Node } from "../../../src/graph/graph.ts";
import { float32Tensor } from "../../../src/graph/tensor.ts";
import { modelOf, named, scalar, weights } from "../passes/dropout-models.ts";

const statistics = ["scale", "shift", "mean", "variance"];
const tensors = [
  scalar("ratio", 0.75),
  scalar("none", 0),
  weights("w", [4, 4]),
  weights("gain", [4]),
  ...statistics.map((name) => float32Tensor(name, [4], [1, 1, 1, 1])),
];
const norm = (name: string, input: string, output: string) =>
  named("BatchNormalization", name, [input, ...statistics], [output]);
const found = (nodes: readonly Node[]) => dropoutBeforeBatchNorm.find(modelOf(nodes, { tensors }));

test("next to it: the variance that is added is named, and the way to be rid of it", () => {
  const nodes = [named("Dropout", "drop", ["x", "ratio"], ["d"]), norm("bn", "d", "y")];
  expect(found(nodes)).toEqual([
    {
      rule: "dropout-before-batch-norm",
      severity: "warning",
      node: "bn",
      message:
        "bn is behind Dropout drop, which adds 3.00·E[x²] to the variance of x while training and nothing at inference, so the running variance is too large (variance shift). Put the Dropout behind the last BatchNorm, or measure the statistics anew.",
      help: "docs/techniques/findings.md#dropout-before-batch-norm",
      fix: { title: "Recalibrate bn", pass: "recalibrate-batch-norm", site: "bn" },
    },
  ]);
});

test("through layers and branches, but only up to the first BatchNorm", () => {
  const nodes = [
    named("Dropout", "drop", ["x"], ["d"]),
    named("MatMul", "fc", ["d", "w"], ["t"]),
    named("Relu", "relu", ["t"], ["r"]),
    named("Add", "sum", ["x", "r"], ["s"]),
    norm("bn1", "s", "n"),
    norm("bn2", "n", "y"),
  ];
  expect(found(nodes).map(({ node }) => node)).toEqual(["bn1"]);
});

test.each<[string, readonly Node[]]>([
  ["behind it", [norm("bn", "x", "n"), named("Dropout", "drop", ["n", "ratio"], ["y"])]],
  ["that drops nothing", [named("Dropout", "drop", ["x", "none"], ["d"]), norm("bn", "d", "y")]],
  [
    "with a normalization of each sample between",
    [
      named("Dropout", "drop", ["x", "ratio"], ["d"]),
      named("LayerNormalization", "ln", ["d", "gain"], ["l"]),
      norm("bn", "l", "y"),
    ],
  ],
])("a Dropout %s is none", (_, nodes) => {
  expect(found(nodes)).toEqual([]);
});
