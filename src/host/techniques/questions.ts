import * as vscode from "vscode";
import type {
  OptionValues,
  TechniqueDescription,
  TechniqueOption,
  TechniqueSite,
} from "../../protocol/engine.ts";
import {
  allowedValues,
  needsData,
  type OptionValue,
  optionFromText,
  optionMistake,
} from "../../protocol/technique-options.ts";
import type { DataChoice } from "./data-choice.ts";
import { enterText, pickMany, pickOne } from "./dialog.ts";
import { type Answer, type Answers, BACK, type Question, type Step } from "./walk.ts";

/**
 * Asked where there is more than one place with the options answered before, on which the places
 * depend. All chosen means all that there are, whenever the edit is replayed.
 *
 * @param find the places with these options; it is called again whenever they may have changed.
 */
export function askSites(
  find: (options: OptionValues) => Promise<readonly TechniqueSite[]>,
): Question {
  return {
    isAsked: async ({ options }) => (await find(options)).length > 1,
    ask: async (step, answers) => {
      const items = (await find(answers.options)).map(({ title, site }) => ({
        label: title,
        ...(title.includes(site) ? {} : { description: site }),
        site,
      }));
      const chosen = await pickMany(step, {
        items,
        chosen: items.filter(({ site }) => answers.sites?.includes(site) ?? true),
        placeholder: vscode.l10n.t("Choose the places"),
      });
      if (chosen === undefined || chosen === BACK) return chosen;
      const { sites: _, ...others } = answers;
      if (chosen.length === items.length) return others;
      return { ...others, sites: chosen.map(({ site }) => site) };
    },
  };
}

export function askOption(option: TechniqueOption): Question {
  return {
    isAsked: () => true,
    ask: async (step, answers) => {
      const present = answers.options[option.name] ?? option.default;
      const value = await askValue(
        { ...step, title: `${step.title}: ${option.name}` },
        option,
        present,
      );
      if (value === undefined || value === BACK) return value;
      return { ...answers, options: { ...answers.options, [option.name]: value } };
    },
  };
}

async function askValue(
  step: Step,
  option: TechniqueOption,
  present: OptionValue,
): Promise<Answer<OptionValue>> {
  if (option.kind === "choice" || option.kind === "boolean") {
    const values = option.kind === "choice" ? option.choices : [true, false];
    const items = values.map((value) => ({
      label: value === true ? vscode.l10n.t("Yes") : value === false ? vscode.l10n.t("No") : value,
      ...(value === option.default ? { description: vscode.l10n.t("default") } : {}),
      value,
    }));
    const active = items.find(({ value }) => value === present);
    const chosen = await pickOne(step, {
      items,
      placeholder: option.description,
      ...(active === undefined ? {} : { active }),
    });
    return chosen === undefined || chosen === BACK ? chosen : chosen.value;
  }
  const allowed = option.kind === "number" ? ` (${allowedValues(option)})` : "";
  const text = await enterText(step, {
    value: String(present),
    prompt: `${option.description.replace(/\.$/, "")}${allowed}.`,
    mistake: (typed) => optionMistake(option, typed),
  });
  return text === undefined || text === BACK ? text : optionFromText(option, text);
}

/** Asked where data is needed, and where it may be given. */
export function askData(
  technique: TechniqueDescription,
  choice: DataChoice,
  model: vscode.Uri,
): Question {
  const needed = ({ options }: Answers) => needsData(technique, options);
  return {
    isAsked: (answers) => technique.data === "optional" || needed(answers),
    ask: async (step, answers) => {
      const { data: _, ...others } = answers;
      const chosen = await choice.ask(step, model, { optional: !needed(answers) });
      if (chosen === undefined || chosen === BACK) return chosen;
      return chosen === "" ? others : { ...others, data: chosen };
    },
  };
}
