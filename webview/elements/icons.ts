import { html, type TemplateResult } from "lit";

/**
 * Codicons by code point. The font is declared once by the page's stylesheet and reaches into
 * shadow roots, so a row of a long table needs no stylesheet of its own.
 */
export const CODE_POINTS = {
  "arrow-down": 0xea9a,
  "arrow-up": 0xeaa1,
  check: 0xeab2,
  "chevron-down": 0xeab4,
  "chevron-right": 0xeab6,
  close: 0xea76,
  "debug-pause": 0xead1,
  "debug-stop": 0xead7,
  discard: 0xeae2,
  ellipsis: 0xea7c,
  error: 0xea87,
  info: 0xea74,
  lightbulb: 0xea61,
  pass: 0xeba4,
  play: 0xeb2c,
  save: 0xeb4b,
  search: 0xea6d,
  warning: 0xea6c,
  "circle-filled": 0xea71,
  edit: 0xea73,
  tools: 0xeb6d,
} as const;

export type IconName = keyof typeof CODE_POINTS;

/** Decoration only: whatever it says is also said in words beside it. */
export function icon(name: IconName, kind = ""): TemplateResult {
  return html`<span class="icon ${kind}" aria-hidden="true"
    >${String.fromCodePoint(CODE_POINTS[name])}</span
  >`;
}
