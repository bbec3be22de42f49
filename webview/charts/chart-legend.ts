import { css, html, LitElement, svg } from "lit";
import { customElement, property } from "lit/decorators.js";
import { sharedStyles } from "../theme/shared-styles.ts";
import type { LineSeries } from "./model.ts";

/** One toggle button a series, with the dash and marker its line has. Fires `toggle-series`. */
@customElement("normlens-chart-legend")
export class ChartLegend extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: flex;
        flex-wrap: wrap;
      }
      button {
        font: inherit;
        color: inherit;
        background: none;
        border: 0;
        border-radius: 3px;
        padding: 1px 5px;
        display: inline-flex;
        gap: 5px;
        align-items: center;
        cursor: pointer;
        white-space: nowrap;
      }
      button:hover {
        background: var(--vscode-toolbar-hoverBackground);
      }
      button[aria-pressed="false"] {
        text-decoration: line-through;
      }
      button[aria-pressed="false"] svg {
        opacity: 0.35;
      }
      svg {
        flex: none;
        overflow: visible;
      }
      .blue {
        color: var(--vscode-charts-blue);
      }
      .yellow {
        color: var(--vscode-charts-yellow);
      }
      .purple {
        color: var(--vscode-charts-purple);
      }
      .green {
        color: var(--vscode-charts-green);
      }
      .red {
        color: var(--vscode-charts-red);
      }
    `,
  ];

  @property({ attribute: false }) series: readonly LineSeries[] = [];
  @property({ attribute: false }) hiddenSeries: ReadonlySet<string> = new Set();

  override render() {
    return this.series.map(
      (each) =>
        html`<button
          aria-pressed=${this.hiddenSeries.has(each.id) ? "false" : "true"}
          title=${`Show or hide ${each.name}`}
          @click=${() => this.dispatchEvent(new CustomEvent("toggle-series", { detail: each.id }))}
        >
          ${sample(each)}${each.name}
        </button>`,
    );
  }
}

function sample(series: LineSeries) {
  const marker =
    series.marker === "triangle"
      ? svg`<path d="M12 2 L15.5 8 L8.5 8 Z" fill="currentColor" />`
      : series.marker === "circle"
        ? svg`<circle cx="12" cy="5" r="2.8" fill="currentColor" />`
        : svg``;
  return html`<svg class=${series.color} width="24" height="10" aria-hidden="true">
    <line
      x1="0"
      y1="5"
      x2="24"
      y2="5"
      stroke="currentColor"
      stroke-width="2"
      stroke-dasharray=${series.dashed ? "5 3" : "none"}
    />
    ${marker}
  </svg>`;
}
