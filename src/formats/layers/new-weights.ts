import { DataType, dataTypeName } from "../../graph/data-type.ts";
import { InputError } from "../../graph/input-error.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { Fields } from "./fields.ts";
import type { InsertedLayer } from "./find-insertions.ts";
import type { WeightUse } from "./layer-call.ts";
import type { WeightEdit } from "./layer-edits.ts";
import type { LayerRecord } from "./read-layers.ts";
import { AS_STORED } from "./weight-layout.ts";

/** The weights of a new layer, as those are of one that the file has not stored any of. */
export function newWeights(
  { anchor, name, className, config, shape, weights }: InsertedLayer,
  records: ReadonlyMap<string, LayerRecord>,
): WeightEdit[] {
  const models = records.get(anchor)?.path.slice(0, -1) ?? [];
  const fields = new Fields(config, `layer ${name}`);
  const layer = { className, name, fields, calls: [], model: undefined, raw: undefined };
  const uses = weights.map(
    ({ name: weight, tensor }): WeightUse => ({
      weight,
      flag: undefined,
      stored: undefined,
      storedDims: tensor.dims,
      layout: AS_STORED,
      absent: undefined,
      sizes: {},
      rules: {},
      wrapped: false,
      value: tensor.name,
    }),
  );
  const places = uses.map((use, position) => ({ part: "main", input: position + 1, use }));
  const result = { value: name, shape, moved: false, dataType: DataType.FLOAT };
  const record: LayerRecord = {
    layer,
    path: [...models, name],
    calls: [{ call: 0, places, inputs: [result], result }],
  };
  return uses.map((use, position) => {
    const tensor = weights[position]?.tensor as Tensor;
    if (tensor.dataType !== DataType.FLOAT) {
      throw new InputError(
        `layer ${name}: its ${use.weight} is ${dataTypeName(tensor.dataType)}; layers store float32`,
      );
    }
    return { record, use, dims: tensor.dims, bytes: tensor.data.read() };
  });
}
