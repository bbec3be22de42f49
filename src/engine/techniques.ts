import { ANALYSES } from "../analyses/registry.ts";
import { PASSES } from "../passes/registry.ts";
import type { TechniqueDescription } from "../protocol/engine.ts";

/** What palettes and forms need to know of every pass and analysis. */
export function techniques() {
  return { passes: PASSES.map(described), analyses: ANALYSES.map(described) };
}

function described({ id, title, description, options, data }: TechniqueDescription) {
  return { id, title, description, options, data };
}
