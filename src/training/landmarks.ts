import { DataType } from "../graph/data-type.ts";
import type { Node } from "../graph/graph.ts";
import type { ForwardTrace } from "./autodiff.ts";
import type { StateTensor } from "./parameter-updates.ts";

/** A value of a training step that a person can place in the model. */
export interface Landmark {
  /** Name in the step graph. */
  readonly value: string;
  /** A value of the model, the loss, a parameter's gradient, or what a parameter becomes. */
  readonly kind: "value" | "loss" | "gradient" | "update";
  /** The model's name of the value or parameter; of the loss, the value it is taken of. */
  readonly of: string;
}

/** All of them that are float32, in the order in which the step computes them. */
export function landmarksOf(
  nodes: readonly Node[],
  step: {
    readonly trace: ForwardTrace;
    readonly loss: { readonly value: string; readonly of: string };
    readonly gradients: ReadonlyMap<string, string>;
    readonly state: readonly StateTensor[];
  },
): readonly Landmark[] {
  const { trace, loss, gradients, state } = step;
  const forward = trace.record.traced.flatMap(({ node, outputs }) =>
    node.output.flatMap((of, index): Landmark[] =>
      of !== "" && trace.type(of)?.dataType === DataType.FLOAT
        ? [{ value: outputs[index] ?? "", kind: "value", of }]
        : [],
    ),
  );
  const all: readonly Landmark[] = [
    ...forward,
    { value: loss.value, kind: "loss", of: loss.of },
    ...[...gradients].map(([of, value]): Landmark => ({ value, kind: "gradient", of })),
    ...state
      .filter(({ kind }) => kind !== "slot")
      .map(({ name: of, next: value }): Landmark => ({ value, kind: "update", of })),
  ];
  const positions = new Map(
    nodes.flatMap(({ output }, index) => output.map((name) => [name, index])),
  );
  const position = ({ value }: Landmark) => positions.get(value) ?? -1;
  return all
    .filter((landmark) => position(landmark) >= 0)
    .sort((left, right) => position(left) - position(right));
}
