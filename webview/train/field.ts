export const SECTIONS = [
  { id: "data", title: "Data" },
  { id: "before", title: "Before training" },
  { id: "training", title: "Training" },
  { id: "optimizer", title: "Optimizer" },
  { id: "schedule", title: "Learning rate schedule" },
  { id: "regularization", title: "Regularization" },
  { id: "earlyStopping", title: "Early stopping" },
  { id: "watching", title: "Statistics" },
  { id: "machine", title: "Checkpoints and engine" },
] as const;

export type SectionId = (typeof SECTIONS)[number]["id"];

/** The texts of a form's fields by id. */
export type Texts = Readonly<Record<string, string>>;

/** One field of the form: what it is called, what it takes, and when it is shown. */
export interface Field {
  readonly section: SectionId;
  readonly label: string;
  readonly help: string;
  readonly kind:
    | "number"
    | "integer"
    | "optional"
    | "select"
    | "box"
    | "data"
    | "split"
    | "text"
    | "words"
    | "weights"
    | "names";
  readonly options?: readonly (readonly [value: string, label: string])[];
  /** Bounds of a number; an open one is itself not allowed. */
  readonly min?: number;
  readonly max?: number;
  readonly openMin?: boolean;
  readonly openMax?: boolean;
  /** Fields that mean nothing with the other choices are not shown and not checked. */
  readonly shown?: (draft: Texts) => boolean;
}
