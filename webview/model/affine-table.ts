import { css, html, LitElement } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { NodeDetail } from "../../src/protocol/engine.ts";
import { decimal } from "../elements/format.ts";
import { styleOf } from "../elements/style-of.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import { rowWindow } from "./row-window.ts";

const ROW = 20;
const HEIGHT = 180;

/** What a BatchNormalization does to each channel: y = scale · x + shift. */
@customElement("normlens-affine-table")
export class AffineTable extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
        padding: 4px 12px 8px;
      }
      .formula {
        font: inherit;
        font-weight: 600;
      }
      p {
        line-height: 22px;
        font-variant-numeric: tabular-nums;
      }
      .scroller {
        max-height: 180px;
        overflow-y: auto;
        border-top: 1px solid var(--line);
        border-bottom: 1px solid var(--line);
      }
      .space {
        position: relative;
      }
      .row {
        display: grid;
        grid-template-columns: minmax(48px, 80px) minmax(0, 140px) minmax(0, 140px);
        padding-right: 12px;
        height: 20px;
        line-height: 20px;
        text-align: right;
        font-variant-numeric: tabular-nums;
      }
      .header {
        position: sticky;
        top: 0;
        z-index: 1;
        color: var(--muted);
        background: var(--vscode-editor-background);
      }
      .body {
        position: absolute;
        top: 0;
        left: 0;
        width: 100%;
      }
    `,
  ];

  @property({ attribute: false }) affine!: NonNullable<NodeDetail["affine"]>;
  @query(".scroller") private scroller!: HTMLElement;
  @state() private scrolled = 0;

  override render() {
    const { scale, shift } = this.affine;
    const { first, end } = rowWindow(this.scrolled, HEIGHT, ROW, scale.length);
    return html`<h3 class="formula">y = scale · x + shift</h3>
      <p>scale ∈ ${range(scale)} &ensp; shift ∈ ${range(shift)}</p>
      <div
        class="scroller"
        role="table"
        tabindex="0"
        aria-label="Scale and shift of each channel"
        aria-rowcount=${scale.length + 1}
        @scroll=${() => {
          this.scrolled = this.scroller.scrollTop;
        }}
      >
        <div class="row header" role="row" aria-rowindex="1">
          <span role="columnheader">channel</span>
          <span role="columnheader">scale</span>
          <span role="columnheader">shift</span>
        </div>
        <div class="space" role="rowgroup" ${styleOf({ height: `${scale.length * ROW}px` })}>
          ${scale.slice(first, end).map((value, offset) => {
            const channel = first + offset;
            return html`<div
              class="row body"
              role="row"
              aria-rowindex=${channel + 2}
              ${styleOf({ transform: `translateY(${channel * ROW}px)` })}
            >
              <span role="cell" class="muted">${channel}</span>
              <span role="cell">${decimal(value)}</span>
              <span role="cell">${decimal(shift[channel] ?? Number.NaN)}</span>
            </div>`;
          })}
        </div>
      </div>`;
  }
}

function range(values: readonly number[]): string {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return `[${decimal(low, 3)}, ${decimal(high, 3)}]`;
}
