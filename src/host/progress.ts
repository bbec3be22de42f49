import * as vscode from "vscode";
import type { ProgressNotification } from "../protocol/engine.ts";

/** Work shorter than this shows no dialog: a flicker is worse than none. */
const patience = 700;

export type ReportProgress = (progress: ProgressNotification) => void;

/**
 * Runs cancellable work; when it takes longer than a moment, a notification with a Cancel button
 * shows how far it is.
 */
export async function withSlowProgress<Result>(
  title: string,
  work: (token: vscode.CancellationToken, report: ReportProgress) => Promise<Result>,
  outer?: vscode.CancellationToken,
): Promise<Result> {
  const source = new vscode.CancellationTokenSource();
  const outerSubscription = outer?.onCancellationRequested(() => source.cancel());
  let last: ProgressNotification | undefined;
  let listener: ReportProgress | undefined;
  const running = work(source.token, (progress) => {
    last = progress;
    listener?.(progress);
  });
  try {
    if (await settledWithin(running, patience)) return await running;
    return await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title, cancellable: true },
      (progress, token) => {
        token.onCancellationRequested(() => source.cancel());
        let shown = 0;
        listener = ({ message, fraction }) => {
          const percent = Math.max(shown, Math.round((fraction ?? 0) * 100));
          progress.report({ message, increment: percent - shown });
          shown = percent;
        };
        if (last !== undefined) listener(last);
        return running;
      },
    );
  } finally {
    outerSubscription?.dispose();
    source.dispose();
  }
}

async function settledWithin(work: Promise<unknown>, limit: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const waited = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limit);
  });
  const settled = work.then(
    () => true,
    () => true,
  );
  const result = await Promise.race([settled, waited]);
  clearTimeout(timer);
  return result;
}
