import { type Dimension, makeValueInfo } from "../../graph/builder.ts";
import { type Graph, requiredInputs, type ValueInfo } from "../../graph/graph.ts";
import { declaredType } from "../../operators/infer-shapes.ts";
import { UNKNOWN_SIZE } from "../../operators/operator.ts";
import type { Certificate } from "../../protocol/reports.ts";
import type { CertifyRequest } from "./certificate.ts";
import { declaredTypeName } from "./element-types.ts";
import { examine } from "./examine.ts";

export interface CompareRequest extends Omit<CertifyRequest, "before" | "after" | "siteOutputs"> {
  readonly a: Graph;
  readonly b: Graph;
}

/**
 * Whether two models compute the same function. Inputs and outputs are matched by name where both
 * models use the same names, and by position elsewhere.
 */
export async function compareModels({ a, b, ...rest }: CompareRequest): Promise<Certificate> {
  const inputs = match("input", requiredInputs(a), requiredInputs(b));
  const outputs = match("output", a.outputs, b.outputs);
  const problem = [inputs, outputs].find((matched) => typeof matched === "string");
  if (typeof inputs === "string" || typeof outputs === "string") {
    return { pass: false, inputs: [], outputs: [], sentence: `Not the same function: ${problem}.` };
  }
  return examine({
    ...rest,
    original: withStatedSizes(a, inputs, b),
    changed: b,
    changedInput: (name) => inputs.get(name) ?? name,
    changedOutput: (name) => outputs.get(name) ?? name,
    sites: [],
  });
}

/**
 * The first model with the sizes that the second one states where the first leaves them open: where one was
 * exported for two samples, both have to be tried with two.
 */
function withStatedSizes(a: Graph, names: ReadonlyMap<string, string>, b: Graph): Graph {
  const others = new Map(b.inputs.map((info) => [info.name, declaredType(info)]));
  const inputs = a.inputs.map((info) => {
    const own = declaredType(info);
    const other = others.get(names.get(info.name) ?? "");
    if (own === undefined || other === undefined) return info;
    const sizes = own.shape.map((size, axis) => {
      const stated = other.shape[axis];
      return isStated(size) || !isStated(stated) ? size : stated;
    });
    const same = sizes.every((size, axis) => size === own.shape[axis]);
    return same ? info : makeValueInfo(info.name, own.dataType, sizes);
  });
  return { ...a, inputs };
}

/** What the second model calls each value of the first, or a phrase that says why they differ. */
function match(
  kind: "input" | "output",
  a: readonly ValueInfo[],
  b: readonly ValueInfo[],
): ReadonlyMap<string, string> | string {
  if (a.length !== b.length) {
    return `the first model has ${count(a.length, kind)}, the second ${count(b.length, kind)}`;
  }
  const known = new Map(b.map((info) => [info.name, info]));
  const sameNames = a.every((info) => known.has(info.name));
  const names = new Map<string, string>();
  for (const [position, info] of a.entries()) {
    const other = (sameNames ? known.get(info.name) : b[position]) as ValueInfo;
    const [type, otherType] = [declaredTypeName(info), declaredTypeName(other)];
    if (type !== otherType) {
      return `${kind} ${info.name} is ${type} in the first model and ${otherType} in the second`;
    }
    // What an output is like shows when the models run; a file may state it wrongly.
    const shapes = kind === "input" ? otherShapes(info, other) : undefined;
    if (shapes !== undefined) return `${kind} ${info.name} is ${shapes}`;
    names.set(info.name, other.name);
  }
  return names;
}

/** A phrase where the declared shapes have another number of axes, or other sizes that are stated. */
function otherShapes(a: ValueInfo, b: ValueInfo): string | undefined {
  const [first, second] = [declaredType(a)?.shape, declaredType(b)?.shape];
  if (first === undefined || second === undefined) return undefined;
  const differ = (size: Dimension, axis: number) => {
    const other = second[axis];
    return isStated(size) && isStated(other) && size !== other;
  };
  // A batch that one model leaves open may be of a fixed size in the other, and of two fixed sizes it can
  // only be told by running them.
  const same =
    first.length === second.length && !first.some((size, axis) => axis > 0 && differ(size, axis));
  if (same) return undefined;
  return `[${first.map(shown)}] in the first model, and ${b.name} is [${second.map(shown)}] in the second`;
}

function isStated(size: Dimension | undefined): size is number {
  return typeof size === "number" && size > 0;
}

function shown(size: Dimension): string {
  return size === UNKNOWN_SIZE ? "?" : String(size);
}

function count(number: number, noun: string): string {
  return number === 1 ? `1 ${noun}` : `${number} ${noun}s`;
}
