import { InputError } from "../graph/input-error.ts";
import type { OptionValues, TechniqueDescription } from "../protocol/engine.ts";
import { allowedValues, isAllowed } from "../protocol/technique-options.ts";

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
