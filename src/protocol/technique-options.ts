import type { OptionValues, TechniqueDescription, TechniqueOption } from "./engine.ts";

/** The rules of options, for the engine that obeys them and for every form that asks for them. */

export type OptionValue = OptionValues[string];

export function isAllowed(option: TechniqueOption, value: OptionValue): boolean {
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

/** Words for what an option takes, for example "a number from 0 to 1". */
export function allowedValues(option: TechniqueOption): string {
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

/** The value that a typed text means; undefined where it means none. Whether it is allowed, isAllowed says. */
export function optionFromText(option: TechniqueOption, text: string): OptionValue | undefined {
  const trimmed = text.trim();
  switch (option.kind) {
    case "choice":
      return trimmed;
    case "text":
      return text;
    case "boolean":
      return trimmed === "true" ? true : trimmed === "false" ? false : undefined;
    case "number": {
      const value = trimmed === "" ? Number.NaN : Number(trimmed);
      return Number.isFinite(value) ? value : undefined;
    }
  }
}

/** Why a typed text is no value of the option, in one sentence; undefined where it is one. */
export function optionMistake(option: TechniqueOption, text: string): string | undefined {
  const value = optionFromText(option, text);
  if (value !== undefined && isAllowed(option, value)) return undefined;
  if (option.kind === "number" && /^\s*[+-]?\d*,\d+\s*$/.test(text)) {
    return `Write ${text.trim().replace(",", ".")} with a point.`;
  }
  return `“${text}” is not possible; ${allowedValues(option)} is needed.`;
}

/** Every option's value: the given one, else the default. */
export function withDefaults(
  { options }: Pick<TechniqueDescription, "options">,
  given: OptionValues = {},
): OptionValues {
  return Object.fromEntries(
    options.map(({ name, default: value }) => [name, given[name] ?? value]),
  );
}

/** Whether the technique needs data with these options. */
export function needsData(
  { data }: Pick<TechniqueDescription, "data">,
  options: OptionValues,
): boolean {
  if (typeof data === "object") return data.values.includes(String(options[data.option]));
  return data === "always";
}

/** Whether the defaults do not suffice, because data is needed that nobody has named yet. */
export function mustBeAsked(
  technique: Pick<TechniqueDescription, "options" | "data">,
  given: { readonly options?: OptionValues; readonly data?: string },
): boolean {
  return given.data === undefined && needsData(technique, withDefaults(technique, given.options));
}
