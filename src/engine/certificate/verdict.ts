import type { Certificate, OutputDifference } from "../../protocol/reports.ts";
import { isExplained, type Judgement, largest, relative, reportLine } from "./judge.ts";
import type { Trial } from "./trial-inputs.ts";

/** The certificate's conclusion from everything that was compared. */
export function verdict(
  trials: readonly Trial[],
  outputs: readonly Judgement[],
  sites: readonly Judgement[],
): Certificate {
  const sitesHold = sites.length > 0 && sites.every(isExplained);
  // A label may turn where two numbers tie. With every changed layer shown to be right, a turned
  // label alone says nothing against the change.
  const decisive = outputs.filter((output) => !(output.discrete && sitesHold));
  const pass = [...decisive, ...sites].every(isExplained);
  const shown = byName(outputs).map((judgements) => shownOutput(judgements));
  const report = {
    inputs: trials.map((trial) => trial.name),
    outputs: shown.map((judgement) => reportLine(judgement, judgement.whole)),
    ...(sites.length === 0 ? {} : { sites: siteLines(sites) }),
  };
  if (pass) return { pass, ...report, sentence: sameSentence(shown, trials.length) };
  const worstSite = largest(sites, (site) => site.excess);
  if (worstSite !== undefined && !isExplained(worstSite)) {
    return {
      pass,
      ...report,
      sentence: differenceSentence(`the result of ${worstSite.name}`, worstSite),
    };
  }
  const worst = largest(decisive, (output) => output.excess) as Judgement;
  return { pass, ...report, sentence: differenceSentence(`output ${worst.name}`, worst) };
}

/** A certificate that nothing could be compared for; it claims nothing about the function. */
export function notChecked(model: "original" | "changed", why: string): Certificate {
  const sentence = `Not checked: ONNX Runtime cannot run the ${model} model (${withoutStop(why)}).`;
  return { pass: false, inputs: [], outputs: [], sentence };
}

/** How one changed place of a model fared that cannot be run as a whole. */
export interface PlaceResult {
  readonly name: string;
  /** One for each made-up input. */
  readonly judgements: readonly Judgement[];
  /** In which other form the piece was run, in words. */
  readonly form: string | undefined;
  /** Why it could not be run, where it could not. */
  readonly objection?: string;
}

/** @param uncovered values that only one of the two models computes. */
export function piecewiseVerdict(
  places: readonly PlaceResult[],
  uncovered: readonly string[],
  why: string,
): Certificate {
  const judgements = places.flatMap((place) => place.judgements);
  const compared = places.filter((place) => place.objection === undefined);
  const agreeing = compared.filter((place) => place.judgements.every(isExplained));
  const inputs = [...new Set(judgements.map((judgement) => judgement.trial))];
  const report = { inputs, outputs: [], sites: siteLines(judgements) };
  const wrong = largest(judgements, (judgement) => judgement.excess);
  if (wrong !== undefined && !isExplained(wrong)) {
    const sentence = differenceSentence(`the result of ${wrong.name}`, wrong);
    return { pass: false, ...report, sentence };
  }
  const missing = [
    ...places.flatMap(({ name, objection }) =>
      objection === undefined ? [] : [`${name} could not be run (${withoutStop(objection)})`],
    ),
    ...uncovered.map((value) => `${value} is a value of one model only`),
  ];
  const reason = `because ONNX Runtime cannot run the whole model (${withoutStop(why)})`;
  if (compared.length === 0) {
    return { ...notChecked("original", why), inputs };
  }
  const forms = [...new Set(compared.flatMap((place) => place.form ?? []))];
  const how = forms.length === 0 ? "" : `, ${forms.join(", ")}`;
  const noun = places.length === 1 ? "fold agrees" : "folds agree";
  const result = `${agreeing.length} of ${places.length} ${noun}${how}`;
  const sentence =
    missing.length === 0
      ? `Checked piece by piece, ${reason}: ${result}.`
      : `Checked in part, ${reason}: ${result}; ${missing[0]}.`;
  return { pass: missing.length === 0, ...report, sentence };
}

function withoutStop(phrase: string): string {
  return phrase.replace(/\.$/, "");
}

function byName(judgements: readonly Judgement[]): Judgement[][] {
  const groups = new Map<string, Judgement[]>();
  for (const judgement of judgements) {
    const group = groups.get(judgement.name);
    if (group === undefined) groups.set(judgement.name, [judgement]);
    else group.push(judgement);
  }
  return [...groups.values()];
}

/** The trial that fails most, or else the one with the largest relative difference. */
function shownOutput(judgements: readonly Judgement[]): Judgement {
  const failing = judgements.filter((judgement) => !isExplained(judgement));
  const shown =
    failing.length > 0
      ? largest(failing, (judgement) => judgement.excess)
      : largest(judgements, (judgement) => relative(judgement.whole));
  return shown as Judgement;
}

/** Each site with its worst channel on its worst trial. */
function siteLines(sites: readonly Judgement[]): OutputDifference[] {
  return byName(sites).map((judgements) => {
    const worst = largest(judgements, (judgement) => judgement.excess) as Judgement;
    return reportLine(worst, worst.channel);
  });
}

function sameSentence(outputs: readonly Judgement[], inputs: number): string {
  const widest = outputs.reduce((most, output) => Math.max(most, relative(output.whole)), 0);
  const on = `on ${inputs} ${inputs === 1 ? "input" : "inputs"}`;
  if (widest === 0) return `Same function: no difference at all ${on}.`;
  return `Same function: largest difference ${shortNumber(widest)} of the output's scale ${on}.`;
}

function differenceSentence(what: string, judgement: Judgement): string {
  const { mismatch, trial, channel } = judgement;
  const where = `on input "${trial}"`;
  if (mismatch !== undefined) return `Not the same function: ${what} ${mismatch} ${where}.`;
  if (!Number.isFinite(channel.difference)) {
    return `Not the same function: ${what} is NaN or infinite in one model only, in channel ${channel.number} at element ${channel.index} ${where}.`;
  }
  if (judgement.discrete) {
    return `Not the same function: ${what} differs in ${channel.difference} of ${channel.scale} elements ${where}.`;
  }
  const explained = channel.explained === 0 ? "0" : shortNumber(channel.explained / channel.scale);
  return `Not the same function: ${what} differs by ${shortNumber(relative(channel))} of the scale of channel ${channel.number} ${where}, where rounding explains ${explained}.`;
}

function shortNumber(value: number): string {
  return value.toPrecision(2).replace(/\.?0+e/, "e");
}
