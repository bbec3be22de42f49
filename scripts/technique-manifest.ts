import type { TechniqueDescription } from "../src/protocol/engine.ts";

export interface TechniqueCommand {
  /** The key of the title in package.nls.json. */
  readonly key: string;
  readonly title: string;
  /** What package.json declares. */
  readonly declaration: Readonly<Record<"command" | "title" | "category" | "enablement", string>>;
}

/** The commands that the manifest must have for these techniques. */
export function techniqueCommands(
  passes: readonly TechniqueDescription[],
  analyses: readonly TechniqueDescription[],
): readonly TechniqueCommand[] {
  return [
    ...passes.map((pass) => command(`pass.${pass.id}`, pass)),
    ...analyses.map((analysis) => command(`analysis.${analysis.id}`, analysis)),
  ];
}

function command(name: string, { title }: TechniqueDescription): TechniqueCommand {
  return {
    key: `command.${name}`,
    title,
    declaration: {
      command: `normlens.${name}`,
      title: `%command.${name}%`,
      category: "NormLens",
      enablement: "normlens.modelActive",
    },
  };
}
