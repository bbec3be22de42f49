import { type Graph, requiredInputs, type ValueInfo } from "../../graph/graph.ts";
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
    original: a,
    changed: b,
    changedInput: (name) => inputs.get(name) ?? name,
    changedOutput: (name) => outputs.get(name) ?? name,
    sites: [],
  });
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
    names.set(info.name, other.name);
  }
  return names;
}

function count(number: number, noun: string): string {
  return number === 1 ? `1 ${noun}` : `${number} ${noun}s`;
}
