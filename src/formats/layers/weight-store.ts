import { InputError } from "../../graph/input-error.ts";
import type { Tensor } from "../../graph/tensor.ts";

/** The weights of a file, whichever container they lie in. */
export interface WeightStore {
  /**
   * @param path the layer's name behind those of the models it lies in.
   * @param weight the weight's own name, "kernel".
   * @param index the weight's place among those of its layer, for files without names.
   * @returns undefined where there is none.
   */
  find(path: readonly string[], weight: string, index: number): Tensor | undefined;
}

/**
 * Weights under names such as "conv1/kernel". What stands in front of the last two parts differs: the
 * name of the model around the layer, or that of the layer once more; and between them the cell of a
 * recurrent layer may stand. Files that Keras 3 wrote count a layer's weights instead of naming them.
 */
export class NamedWeights implements WeightStore {
  readonly #byEnding = new Map<string, Tensor[]>();

  constructor(readonly tensors: readonly Tensor[]) {
    const seen = new Set<string>();
    for (const tensor of tensors) {
      if (seen.has(tensor.name)) {
        throw new InputError(`the weight ${tensor.name} occurs twice`);
      }
      seen.add(tensor.name);
      for (const ending of endings(tensor.name)) {
        const known = this.#byEnding.get(ending);
        if (known === undefined) this.#byEnding.set(ending, [tensor]);
        else known.push(tensor);
      }
    }
  }

  find(path: readonly string[], weight: string, index: number): Tensor | undefined {
    const layer = path.at(-1) ?? "";
    const named = this.#byEnding.get(`${layer}/${weight}`);
    const candidates = named ?? this.#byEnding.get(`${layer}/${index}`) ?? [];
    const full = `${path.join("/")}/${weight}`;
    const exact = candidates.find(({ name }) => name === full || name === `${layer}/${weight}`);
    const outer = path.at(-2);
    const inside = candidates.find(({ name }) => outer && name.split("/").includes(outer));
    return candidates.find(({ name }) => name === full) ?? inside ?? exact ?? candidates[0];
  }
}

/** "layer/weight" for each part of the name that may be the layer's. */
function endings(name: string): Set<string> {
  const parts = name.split("/");
  const weight = (parts.pop() ?? "").replace(/:0$/, "");
  return new Set(
    parts
      .slice(-2)
      .map((layer) => `${layer}/${weight}`)
      .concat(
        // A layer's name may hold a slash of its own.
        `${parts.join("/")}/${weight}`,
      ),
  );
}
