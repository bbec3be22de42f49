import * as vscode from "vscode";
import { type Answer, BACK, type Step } from "./walk.ts";

type Input = vscode.QuickPick<vscode.QuickPickItem> | vscode.InputBox;

/** VS Code shows one at a time. */
let shown: Input | undefined;

/** One step of a dialog in the palette's place, with a button that goes back. */

interface Choices<Item> {
  readonly items: readonly Item[];
  readonly placeholder: string;
}

export function pickOne<Item extends vscode.QuickPickItem>(
  step: Step,
  { items, placeholder, active }: Choices<Item> & { readonly active?: Item },
): Promise<Answer<Item>> {
  const input = listOf(items, placeholder);
  if (active !== undefined) input.activeItems = [active];
  return answerTo(input, step, () => input.selectedItems[0] ?? input.activeItems[0]);
}

/** At least one must be chosen; Enter does nothing before. */
export function pickMany<Item extends vscode.QuickPickItem>(
  step: Step,
  { items, placeholder, chosen }: Choices<Item> & { readonly chosen: readonly Item[] },
): Promise<Answer<readonly Item[]>> {
  const input = listOf(items, placeholder);
  input.canSelectMany = true;
  input.selectedItems = chosen;
  return answerTo(input, step, () =>
    input.selectedItems.length > 0 ? input.selectedItems : undefined,
  );
}

/** @param mistake the sentence about a wrong text, shown while it is typed. */
export function enterText(
  step: Step,
  options: {
    readonly value: string;
    readonly prompt: string;
    readonly mistake: (text: string) => string | undefined;
  },
): Promise<Answer<string>> {
  const input = vscode.window.createInputBox();
  input.value = options.value;
  input.prompt = options.prompt;
  const check = () => {
    input.validationMessage = options.mistake(input.value);
  };
  input.onDidChangeValue(check);
  check();
  return answerTo(input, step, () =>
    options.mistake(input.value) === undefined ? input.value : undefined,
  );
}

function listOf<Item extends vscode.QuickPickItem>(items: readonly Item[], placeholder: string) {
  const input = vscode.window.createQuickPick<Item>();
  input.items = items;
  input.placeholder = placeholder;
  input.matchOnDescription = true;
  input.matchOnDetail = true;
  return input;
}

/** @param read the answer so far; undefined where it may not be given yet. */
function answerTo<Value>(
  input: Input,
  { title, step, totalSteps }: Step,
  read: () => Value | undefined,
): Promise<Answer<Value>> {
  input.title = title;
  if (totalSteps > 1) {
    input.step = step;
    input.totalSteps = totalSteps;
  }
  // A look at the model in between should not throw away what was answered before.
  input.ignoreFocusOut = true;
  input.buttons = step > 1 ? [vscode.QuickInputButtons.Back] : [];
  return new Promise((resolve) => {
    input.onDidAccept(() => {
      const answer = read();
      if (answer !== undefined) resolve(answer);
    });
    input.onDidTriggerButton(() => resolve(BACK));
    input.onDidHide(() => {
      if (shown === input) shown = undefined;
      input.dispose();
      // After an answer this is the next step taking its place.
      resolve(undefined);
    });
    const before = shown;
    shown = input;
    input.show();
    before?.dispose();
  });
}

/** Takes the last step away; until then it stays, so that the next one gets the focus from it. */
export function closeDialog(): void {
  shown?.dispose();
  shown = undefined;
}
