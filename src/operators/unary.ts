import type { GraphBuilder } from "../graph/builder.ts";
import type { Node } from "../graph/graph.ts";
import { multiply } from "./emit.ts";
import type { OperatorRule } from "./operator.ts";
import { likeInput } from "./shape-rules.ts";

/** What the derivative of an elementwise function of one input is made of. */
export interface UnaryDerivative {
  readonly builder: GraphBuilder;
  readonly node: Node;
  /** x and y = f(x), by name. */
  readonly x: string;
  readonly y: string;
}

/** An elementwise function of one input: ∂L/∂x = ∂L/∂y · f′(x). */
export function unaryRule(
  opType: string,
  derivative?: (values: UnaryDerivative) => string,
): OperatorRule {
  if (derivative === undefined) return { opType, inferShapes: likeInput() };
  return {
    opType,
    inferShapes: likeInput(),
    gradient: ({ builder, node, inputs, outputs }, [gradient]) => {
      if (gradient === undefined) return [];
      const [x = "", y = ""] = [inputs[0], outputs[0]];
      return [multiply(builder, gradient, derivative({ builder, node, x, y }))];
    },
  };
}

/** A function that is flat almost everywhere, so that no gradient flows through it. */
export function flatRule(opType: string): OperatorRule {
  return { opType, inferShapes: likeInput(), gradient: () => [] };
}
