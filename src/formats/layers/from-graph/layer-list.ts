import type { Dimension } from "../../../graph/builder.ts";
import type { JsonObject } from "../json.ts";
import { unwritable } from "./unwritable.ts";
import type { LayerType, WrittenLayer, WrittenWeight } from "./written-layer.ts";

export interface LayerRequest {
  readonly className: string;
  /** What the name is made from: a node's or an input's name. */
  readonly stem: string;
  readonly config?: JsonObject;
  readonly inputs: readonly string[];
  readonly shape: readonly Dimension[];
  readonly dataType?: LayerType;
  readonly weights?: readonly WrittenWeight[];
  readonly trainable?: boolean;
}

/** The layers of a model under construction, each before those that read it. */
export class LayerList {
  readonly #layers = new Map<string, WrittenLayer>();
  readonly #names = new Set<string>();
  readonly #moved = new Map<string, string>();

  /** @returns the layer's name. */
  add(request: LayerRequest): string {
    const { className, inputs, shape } = request;
    const name = this.#freshName(request.stem);
    this.#layers.set(name, {
      className,
      name,
      config: request.config ?? {},
      inputs,
      shape,
      dataType: request.dataType ?? "float32",
      weights: request.weights ?? [],
      trainable: request.trainable ?? true,
    });
    return name;
  }

  layer(name: string): WrittenLayer {
    const layer = this.#layers.get(name);
    if (layer === undefined) throw new Error(`there is no layer ${name}`);
    return layer;
  }

  /** Axis i of the result is axis order[i]; order[0] is 0. A Permute of a Permute is one. */
  permute(source: string, order: readonly number[]): string {
    const { className, inputs, config, shape, dataType } = this.layer(source);
    const [before] = inputs;
    if (className === "Permute" && before !== undefined) {
      const inner = [0, ...(config.dims as readonly number[])];
      return this.permute(
        before,
        order.map((axis) => inner[axis] ?? 0),
      );
    }
    if (order.every((axis, position) => axis === position)) return source;
    return this.#once(`${source}>${order}`, () =>
      this.add({
        className: "Permute",
        stem: `${source}_permute`,
        config: { dims: order.slice(1) },
        inputs: [source],
        shape: order.map((axis) => shape[axis] as Dimension),
        dataType,
      }),
    );
  }

  /** The same elements with other sizes behind the batch. A Reshape of a Reshape is one. */
  reshape(source: string, sizes: readonly Dimension[]): string {
    const { className, inputs, shape, dataType } = this.layer(source);
    if (`${shape}` === `${sizes}`) return source;
    const [before] = inputs;
    if (className === "Reshape" && before !== undefined) return this.reshape(before, sizes);
    const target = sizes.slice(1).map((size) => (typeof size === "number" ? size : -1));
    if (target.filter((size) => size === -1).length > 1) {
      unwritable("more than one of its sizes is open, and a Reshape layer can leave one open");
    }
    return this.#once(`${source}:${sizes}`, () =>
      this.add({
        className: "Reshape",
        stem: `${source}_reshape`,
        config: { target_shape: target },
        inputs: [source],
        shape: [shape[0] as Dimension, ...sizes.slice(1)],
        dataType,
      }),
    );
  }

  /** The layers that the outputs need, in order; inputs stay. */
  needed(outputs: readonly string[]): WrittenLayer[] {
    const needed = new Set(outputs);
    const all = [...this.#layers.values()];
    for (const { name, inputs } of all.toReversed()) {
      if (needed.has(name)) for (const input of inputs) needed.add(input);
    }
    return all.filter(({ name, className }) => needed.has(name) || className === "InputLayer");
  }

  #once(key: string, make: () => string): string {
    const known = this.#moved.get(key);
    if (known !== undefined) return known;
    const name = make();
    this.#moved.set(key, name);
    return name;
  }

  /** Names of Keras must not have slashes, and those of TensorFlow begin with a letter or digit. */
  #freshName(stem: string): string {
    const plain = stem.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^_+|_+$/g, "") || "layer";
    let name = plain;
    for (let count = 1; this.#names.has(name.toLowerCase()); count++) name = `${plain}_${count}`;
    this.#names.add(name.toLowerCase());
    return name;
  }
}
