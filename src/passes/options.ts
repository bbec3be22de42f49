import { InputError } from "../graph/input-error.ts";
import type { OptionValues, TechniqueDescription, TechniqueOption } from "../protocol/engine.ts";

/**
 * Every option of a pass or an analysis: what was given, and the defaults for the rest.
 *
 * @throws InputError naming the option, its value and what is allowed.
 */
export function checkedOptions(
  technique: Pick<TechniqueDescription, "id" | "options">,
  given: OptionValues = {},
): OptionValues {
  const known = new Set(technique.options.map(({ name }) => name));
  for (const name of Object.keys(given)) {
    if (known.has(name)) continue;
    const list = known.size === 0 ? "it has none" : `they are: ${[...known].join(", ")}`;
    throw new InputError(`${technique.id}: there is no option ${name}; ${list}`);
  }
  return Object.fromEntries(
    technique.options.map((option) => {
      const value = given[option.name] ?? option.default;
      const allowed = allowedValues(option);
      if (!isAllowed(option, value)) {
        throw new InputError(
          `${technique.id}: option ${option.name} is ${JSON.stringify(value)}; ${allowed} is needed`,
        );
      }
      return [option.name, value];
    }),
  );
}

function isAllowed(option: TechniqueOption, value: string | number | boolean): boolean {
  switch (option.kind) {
    case "choice":
      return option.choices.some((choice) => choice === value);
    case "boolean":
      return typeof value === "boolean";
    case "text":
      return typeof value === "string";
    case "number":
      return (
        typeof value === "number" &&
        Number.isFinite(value) &&
        value >= (option.minimum ?? Number.NEGATIVE_INFINITY) &&
        value <= (option.maximum ?? Number.POSITIVE_INFINITY)
      );
  }
}

function allowedValues(option: TechniqueOption): string {
  switch (option.kind) {
    case "choice":
      return option.choices.map((choice) => JSON.stringify(choice)).join(" or ");
    case "boolean":
      return "true or false";
    case "text":
      return "text";
    case "number": {
      const { minimum, maximum } = option;
      if (minimum === undefined) {
        return maximum === undefined ? "a number" : `a number up to ${maximum}`;
      }
      return maximum === undefined
        ? `a number from ${minimum}`
        : `a number from ${minimum} to ${maximum}`;
    }
  }
}

/** Whether the technique needs data with these options. */
export function needsData(
  { data }: Pick<TechniqueDescription, "data">,
  options: OptionValues,
): boolean {
  if (typeof data === "object") return data.values.includes(String(options[data.option]));
  return data === "always";
}
