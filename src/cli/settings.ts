import { InputError } from "../graph/input-error.ts";
import type { OptionValues } from "../protocol/engine.ts";

/** "true" and "false" become booleans, numbers become numbers, the rest stays text. */
export function settingsOf(settings: readonly string[]): OptionValues {
  return Object.fromEntries(
    settings.map((setting) => {
      const separator = setting.indexOf("=");
      if (separator < 1) throw new InputError(`--set ${setting}: key=value is needed`);
      const text = setting.slice(separator + 1);
      return [setting.slice(0, separator), typedValue(text)] as const;
    }),
  );
}

function typedValue(text: string): string | number | boolean {
  if (text === "true" || text === "false") return text === "true";
  return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}
