import type { TechniqueDescription, TechniqueOption } from "../../src/protocol/engine.ts";
import {
  type OptionValue,
  optionFromText,
  optionMistake,
} from "../../src/protocol/technique-options.ts";
import type { PassStep } from "../../src/protocol/training.ts";
import type { Field } from "./field.ts";
import { nameList, namesIn } from "./name-list.ts";

/** The passes before training as the form holds them: texts, right or wrong. */
export interface PassDraft {
  readonly pass: string;
  /** Names between commas; "" for every place. */
  readonly sites: string;
  readonly options: Readonly<Record<string, string>>;
}

/** One entry a step: what is wrong with which option; "" names the pass itself. */
export type PassErrors = readonly Readonly<Record<string, string>>[];

export type CheckedPasses =
  | { readonly ok: true; readonly passes: readonly PassStep[] }
  | { readonly ok: false; readonly errors: PassErrors };

export function passDraftsOf(passes: readonly PassStep[]): readonly PassDraft[] {
  return passes.map(({ pass, sites = [], options = {} }) => ({
    pass,
    sites: nameList(sites),
    options: Object.fromEntries(
      Object.entries(options).map(([name, value]) => [name, String(value)]),
    ),
  }));
}

export function newPassDraft(pass: string): PassDraft {
  return { pass, sites: "", options: {} };
}

/** An option without a text has its default. */
export function optionText({ options }: PassDraft, option: TechniqueOption): string {
  return options[option.name] ?? String(option.default);
}

/** @param known what the engine offers; empty until it has told. */
export function checkPassDrafts(
  drafts: readonly PassDraft[],
  known: readonly TechniqueDescription[],
): CheckedPasses {
  const errors = drafts.map((draft) => mistakes(draft, known));
  if (errors.some((each) => Object.keys(each).length > 0)) return { ok: false, errors };
  return { ok: true, passes: drafts.map((draft) => stepOf(draft, known)) };
}

function mistakes(
  draft: PassDraft,
  known: readonly TechniqueDescription[],
): Readonly<Record<string, string>> {
  const technique = known.find(({ id }) => id === draft.pass);
  if (technique === undefined) {
    const reason = known.length === 0 ? "is not known yet" : "does not exist in this version";
    return { "": `The pass ${draft.pass} ${reason}.` };
  }
  return Object.fromEntries(
    technique.options.flatMap((option) => {
      const mistake = optionMistake(option, optionText(draft, option));
      return mistake === undefined ? [] : [[option.name, mistake]];
    }),
  );
}

/** Only for drafts that have been checked. Every option is written down, so that a run can be repeated. */
function stepOf(draft: PassDraft, known: readonly TechniqueDescription[]): PassStep {
  const technique = known.find(({ id }) => id === draft.pass);
  const sites = namesIn(draft.sites);
  const options = (technique?.options ?? []).map((option): [string, OptionValue] => [
    option.name,
    optionFromText(option, optionText(draft, option)) ?? option.default,
  ]);
  return {
    pass: draft.pass,
    ...(sites.length === 0 ? {} : { sites }),
    ...(options.length === 0 ? {} : { options: Object.fromEntries(options) }),
  };
}

/** The field of the form that an option is asked with. */
export function fieldOfOption(option: TechniqueOption): Field {
  const field = { section: "before", label: option.name, help: option.description } as const;
  switch (option.kind) {
    case "choice":
      return {
        ...field,
        kind: "select",
        options: option.choices.map((choice) => [choice, choice]),
      };
    case "boolean":
      return { ...field, kind: "box" };
    case "number":
    case "text":
      return { ...field, kind: "text" };
  }
}
