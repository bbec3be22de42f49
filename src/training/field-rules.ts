/** What one field of TrainingConfig may be. */
export interface FieldRule {
  readonly allowed: string;
  valid(value: unknown): boolean;
}

export function choice(...choices: readonly string[]): FieldRule {
  return {
    allowed: choices.map((choice) => `"${choice}"`).join(" or "),
    valid: (value) => typeof value === "string" && choices.includes(value),
  };
}

export function number(allowed: string, inRange: (value: number) => boolean): FieldRule {
  return {
    allowed,
    valid: (value) => typeof value === "number" && Number.isFinite(value) && inRange(value),
  };
}

export function whole(least: number, most: number): FieldRule {
  return number(
    `a whole number from ${least} to ${most}`,
    (value) => Number.isInteger(value) && value >= least && value <= most,
  );
}
