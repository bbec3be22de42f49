import { encodeModel } from "../formats/onnx/write.ts";
import { GraphBuilder, makeValueInfo } from "../graph/builder.ts";
import { DataType } from "../graph/data-type.ts";
import { takenNames } from "../graph/edit.ts";
import { STEP_OPSET } from "../operators/operator.ts";
import type { BadValue } from "../protocol/training.ts";
import type { Runtime, Tensors } from "../runtime/runtime.ts";
import type { StepGraph } from "./step-graph.ts";

/**
 * Finds where a step stopped giving finite numbers: the step is run again with the same inputs, and
 * of each value that a person knows one number tells whether it is finite, Σ 0·v, which is NaN as soon
 * as one of v is NaN or infinite. The values themselves would not fit into memory together.
 *
 * @param feeds all inputs of the step that went bad: batch, scalars, and the state before it.
 * @returns undefined where every value is finite this time.
 */
export async function firstBadValue(
  runtime: Runtime,
  step: StepGraph,
  feeds: Tensors,
): Promise<BadValue | undefined> {
  for (const { name, input, kind } of step.state) {
    // The step before has made it so, from values that were finite themselves.
    const { data } = feeds[input] ?? {};
    if (kind !== "slot" && !(data as Float32Array).every(Number.isFinite)) {
      return { kind: "update", name };
    }
  }
  const builder = new GraphBuilder(takenNames(step.graph));
  const checks = step.landmarks.map(({ value }) => {
    const zeros = builder.add("Mul", [value, builder.scalar(0)]);
    const sum = builder.add("ReduceSum", [zeros], { attributes: { keepdims: { int: 0 } } });
    return builder.add("Reshape", [sum, builder.ints([1])]);
  });
  const finite = builder.add("Concat", checks, { attributes: { axis: { int: 0 } } });
  const added = builder.build("", [], [], STEP_OPSET);
  const session = await runtime.createSession(
    encodeModel({
      ...step.graph,
      nodes: [...step.graph.nodes, ...added.nodes],
      initializers: new Map([...step.graph.initializers, ...added.initializers]),
      outputs: [makeValueInfo(finite, DataType.FLOAT, [checks.length])],
    }),
    // Fused operators could hide the value between them.
    { optimization: "basic" },
  );
  try {
    const needed = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
    const results = await session.run(Object.fromEntries(needed), [finite]);
    const sums = Array.from(results[finite]?.data as Float32Array);
    const first = step.landmarks[sums.findIndex(Number.isNaN)];
    return first === undefined ? undefined : { kind: first.kind, name: first.of };
  } finally {
    await session.release();
  }
}
