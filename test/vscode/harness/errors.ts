import type { Page } from "playwright-core";

/** What does not concern the extension; the last two are what VS Code says when it is overtaken. */
const noise = [
  /Failed to load resource/,
  /authentication provider/,
  /\[lifecycle\]/,
  /vscode-log:/,
  /Aborted onWillSaveTextDocument-event/,
  // VS Code cancels a backup of its own when an undo makes the document clean again; the stack tells
  // it from a cancellation that something of ours should have caught.
  /Canceled: Canceled\n[\s\S]* at \S+\.cancelBackupOperation \(/,
];

/** A list that grows with the errors of the window, the extension host and the pages. */
export function collectErrors(page: Page): string[] {
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !noise.some((pattern) => pattern.test(text))) {
      errors.push(text);
    }
  });
  return errors;
}
