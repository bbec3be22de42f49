/** A page asks the host to save what it has made; the host asks the user where. */
export interface SaveFileMessage {
  readonly type: "saveFile";
  readonly suggestedName: string;
  readonly content: ArrayBuffer;
}
