/**
 * A problem with what the user gave us: a file, an option, a value.
 *
 * The message is one plain sentence that names the file, the field and the value. Every surface
 * (command line, editor, dialog) shows exactly this sentence; a stack trace is never shown for it.
 */
export class InputError extends Error {
  override readonly name = "InputError";

  /** @param message one sentence without the file name, for example "initializer w: …". */
  constructor(
    message: string,
    readonly file?: string,
  ) {
    super(file === undefined ? message : `${file}: ${message}`);
  }

  /** The same refusal, with the file named where the thrower did not know it. */
  inFile(file: string): InputError {
    return this.file === undefined ? new InputError(this.message, file) : this;
  }
}
