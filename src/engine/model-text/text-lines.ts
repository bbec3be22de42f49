import type { TextSpan } from "../../formats/tfjs/layer-places.ts";
import type { TextPosition, TextRange } from "../../protocol/model-text.ts";

/** Turns offsets into lines and columns; lines end as they do for VS Code: \n, \r\n or \r. */
export class TextLines {
  readonly #starts: readonly number[];

  constructor(text: string) {
    const starts = [0];
    for (const { index, 0: end } of text.matchAll(/\r\n|\n|\r/g)) starts.push(index + end.length);
    this.#starts = starts;
  }

  rangeOf({ offset, length }: TextSpan): TextRange {
    return { start: this.positionOf(offset), end: this.positionOf(offset + length) };
  }

  positionOf(offset: number): TextPosition {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low, character: offset - (this.#starts[low] ?? 0) };
  }
}
