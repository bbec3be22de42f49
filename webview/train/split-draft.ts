import type { TrainingConfig } from "../../src/protocol/training.ts";

type Split = TrainingConfig["split"];

/** "60 / 20 / 20": percent for training, validation and test. */
export function splitDraft({ train, validation, test }: Split): string {
  const percent = (share: number) => String(Number((share * 100).toPrecision(10)));
  return [train, validation, test].map(percent).join(" / ");
}

export function splitError(text: string): string | undefined {
  const shares = percentages(text);
  if (shares === undefined) return "Three percentages, for example 60 / 20 / 20.";
  const [train, validation, test] = shares;
  const sum = train + validation + test;
  if (Math.abs(sum - 100) > 1e-6) return `Adds up to ${Number(sum.toPrecision(6))}, not 100.`;
  if (train <= 0) return "Training needs a share.";
  return validation <= 0
    ? "Validation needs a share: early stopping and the curves use it."
    : undefined;
}

/** Only for a text that has been checked. */
export function splitConfig(text: string): Split {
  const [train, validation, test] = percentages(text) ?? [60, 20, 20];
  return { train: train / 100, validation: validation / 100, test: test / 100 };
}

function percentages(text: string): readonly [number, number, number] | undefined {
  const parts = text.split("/").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  const [train, validation, test] = parts;
  if (parts.length !== 3 || train === undefined || validation === undefined || test === undefined)
    return undefined;
  return parts.every((part) => part >= 0) ? [train, validation, test] : undefined;
}
