import { InputError } from "../graph/input-error.ts";
import type { DataOptions } from "../protocol/data-options.ts";

/** The option of every command that reads data. */
export const DATA_OPTION = [
  "--data-option <name=value...>",
  "how the data is read, such as height=64 labelColumn=species range=-1,1 (docs/data.md)",
] as const;

/**
 * Data that a command may be given, and how it is read. What checks the options is loaded when there
 * are any: a fold without data loads nothing of training.
 *
 * @throws InputError naming the option and what is allowed.
 */
export async function dataRequest(given: {
  readonly data?: string;
  readonly dataOption?: readonly string[];
}): Promise<{ readonly data?: string; readonly dataOptions?: Partial<DataOptions> }> {
  const { data, dataOption } = given;
  if (data === undefined) {
    if (dataOption === undefined) return {};
    throw new InputError(`--data-option ${dataOption[0]}: there is no --data that it could be for`);
  }
  if (dataOption === undefined) return { data };
  const { givenDataOptions } = await import("./data-options.ts");
  return { data, dataOptions: givenDataOptions(dataOption) };
}
