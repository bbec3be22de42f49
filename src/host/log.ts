/** What the host writes to the output channel; a vscode.LogOutputChannel is one. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}
