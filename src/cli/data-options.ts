import { InputError } from "../graph/input-error.ts";
import { type DataOptions, DEFAULT_DATA_OPTIONS } from "../protocol/data-options.ts";
import { DEFAULT_TRAINING_CONFIG } from "../protocol/default-training-config.ts";
import { mergeConfig } from "../training/config.ts";

/**
 * The part of the data options that a command line gives.
 *
 * @throws InputError naming the option and what is allowed.
 */
export function givenDataOptions(settings: readonly string[] = []): Partial<DataOptions> {
  const given = Object.fromEntries(
    settings.map((setting) => {
      const [name = "", value] = splitAtFirst(setting);
      if (value === undefined) {
        throw new InputError(`--data-option ${setting}: name=value is needed`);
      }
      return [name, asTyped(name, value)] as const;
    }),
  );
  mergeConfig(DEFAULT_TRAINING_CONFIG, { dataOptions: given });
  return given;
}

function splitAtFirst(setting: string): readonly [string, string | undefined] {
  const at = setting.indexOf("=");
  return at < 1 ? [setting, undefined] : [setting.slice(0, at), setting.slice(at + 1)];
}

/** As the type of the option's default says; a text that is no number is refused as one by its rule. */
function asTyped(name: string, value: string): unknown {
  const usual: unknown = DEFAULT_DATA_OPTIONS[name as keyof DataOptions];
  if (typeof usual === "boolean")
    return value === "true" ? true : value === "false" ? false : value;
  if (Array.isArray(usual)) return value.split(",").map((part) => asNumber(part));
  return typeof usual === "number" ? asNumber(value) : value;
}

function asNumber(text: string): number | string {
  return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
}
