import type { OptionValues } from "../../protocol/engine.ts";

/** The order of a dialog's steps; what they look like is the business of dialog.ts. */

export const BACK = Symbol("back");

/** Undefined when the dialog was left. */
export type Answer<Value> = Value | typeof BACK | undefined;

export interface Step {
  readonly title: string;
  /** From 1. */
  readonly step: number;
  readonly totalSteps: number;
}

/** What has been answered so far; every option has a value. */
export interface Answers {
  readonly sites?: readonly string[];
  readonly options: OptionValues;
  readonly data?: string;
}

export interface Question {
  /** A question may mean nothing after other answers. */
  isAsked(answers: Answers): boolean | Promise<boolean>;
  ask(step: Step, answers: Answers): Promise<Answer<Answers>>;
}

/**
 * Asks one question after the other; each may go back to the one before, which then shows what was
 * answered there. Undefined when the dialog was left.
 */
export async function askAll(
  title: string,
  questions: readonly Question[],
  start: Answers,
): Promise<Answers | undefined> {
  const asked: number[] = [];
  let answers = start;
  let from = 0;
  for (;;) {
    const open = await askedFrom(questions.slice(from), answers);
    const [question] = open;
    if (question === undefined) return answers;
    const step = { title, step: asked.length + 1, totalSteps: asked.length + open.length };
    const answer = await question.ask(step, answers);
    if (answer === undefined) return undefined;
    if (answer === BACK) {
      from = asked.pop() ?? 0;
      continue;
    }
    answers = answer;
    const place = questions.indexOf(question);
    asked.push(place);
    from = place + 1;
  }
}

async function askedFrom(
  questions: readonly Question[],
  answers: Answers,
): Promise<readonly Question[]> {
  const open: Question[] = [];
  for (const question of questions) if (await question.isAsked(answers)) open.push(question);
  return open;
}
