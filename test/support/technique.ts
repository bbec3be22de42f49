import type { TechniqueDescription } from "../../src/protocol/engine.ts";

/** One that has an option of every kind. */
export const technique: TechniqueDescription = {
  id: "insert-something",
  title: "Insert something",
  description: "For this test.",
  options: [
    {
      kind: "choice",
      name: "mode",
      description: "How.",
      default: "exact",
      choices: ["exact", "calibrated"],
    },
    {
      kind: "number",
      name: "rate",
      description: "How much.",
      default: 0.5,
      minimum: 0,
      maximum: 1,
    },
    { kind: "boolean", name: "after", description: "Where.", default: false },
    { kind: "text", name: "layer", description: "Which.", default: "" },
  ],
  data: { option: "mode", values: ["calibrated"] },
};
