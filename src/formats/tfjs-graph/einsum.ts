import type { Size } from "../layers/layer-value.ts";
import type { Operand, Operation } from "./operation.ts";
import type { OperationRule } from "./operation-rule.ts";
import type { TensorValue } from "./tensor-value.ts";

/** One letter an axis, the result stated: what TensorFlow.js computes, too. */
const EQUATION = /^[a-zA-Z]*(,[a-zA-Z]*)*->[a-zA-Z]*$/;

/** Sums of products over the axes whose letters the result has not: "abc,cd->abd". */
function einsum(operation: Operation): readonly TensorValue[] | undefined {
  const equation = operation.attributes.text("equation").replaceAll(" ", "");
  if (!EQUATION.test(equation)) return undefined;
  const [left = "", result = ""] = equation.split("->");
  const terms = left.split(",");
  const sizes = new Map<string, Size>();
  const operands = operation.inputs.map((_, index): Operand => {
    const [term = "", shape] = [terms[index], operation.shape(index)];
    if (term.length !== shape.length || terms.length !== operation.inputs.length) {
      operation.refuse(`its equation ${equation} does not fit its inputs`);
    }
    for (const [axis, letter] of [...term].entries()) join(operation, sizes, letter, shape[axis]);
    return operation.operand(index);
  });
  const value = operation.add("main", "Einsum", operands, { equation: { string: equation } });
  const shape = [...result].map((letter) => sizes.get(letter) ?? null);
  return [{ value, moved: false, shape, dataType: operation.input(0).dataType }];
}

/** @throws InputError where a letter stands for two sizes. */
function join(
  operation: Operation,
  sizes: Map<string, Size>,
  letter: string,
  size: Size | undefined,
): void {
  const known = sizes.get(letter) ?? null;
  if (known !== null && size != null && known !== size && known !== 1 && size !== 1) {
    operation.refuse(`the axes named ${letter} have the sizes ${known} and ${size}`);
  }
  sizes.set(letter, known === null || known === 1 ? (size ?? known) : known);
}

export const einsumOperators: readonly OperationRule[] = [{ operators: ["Einsum"], build: einsum }];
