import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { ParameterDetail } from "../../src/protocol/engine.ts";
import type { ValueStatistics } from "../../src/protocol/reports.ts";
import "../charts/histogram-chart.ts";
import { valueHistogram } from "../charts/value-histogram.ts";
import { count, decimal } from "../elements/format.ts";
import { sharedStyles } from "../theme/shared-styles.ts";

/** One parameter: what it is, its numbers, and how they are spread. */
@customElement("normlens-parameter-view")
export class ParameterView extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
      }
      .name {
        overflow-wrap: anywhere;
      }
      .numbers {
        display: flex;
        flex-wrap: wrap;
        gap: 0 14px;
        color: var(--muted);
        font-variant-numeric: tabular-nums;
      }
      .numbers b {
        font-weight: normal;
        color: var(--vscode-foreground);
      }
      .alarm b {
        color: var(--error);
      }
      normlens-histogram-chart {
        --plot-height: 84px;
      }
    `,
  ];

  @property({ attribute: false }) parameter!: ParameterDetail;

  override render() {
    const { parameter } = this;
    const { statistics } = parameter;
    return html`${
      statistics === undefined
        ? html`<h3 class="heading">${parameter.role}</h3>`
        : html`<normlens-histogram-chart
              .headingLevel=${3}
              .model=${valueHistogram(parameter.role, statistics)}
            ></normlens-histogram-chart>`
    }
      <p class="name">
        ${parameter.name}
        <span class="muted">${parameter.type} [${parameter.shape.join(", ")}]</span>
      </p>
      ${statistics === undefined ? nothing : this.numbers(statistics)}
      ${parameter.note === undefined ? nothing : html`<p class="muted">${parameter.note}</p>`}`;
  }

  private numbers(statistics: ValueStatistics) {
    const number = (name: string, value: string, alarm = false) =>
      html`<span class=${alarm ? "alarm" : ""}>${name} <b>${value}</b></span>`;
    return html`<p class="numbers">
      ${number("mean", decimal(statistics.mean))} ${number("std", decimal(statistics.std))}
      ${number("min", decimal(statistics.min))} ${number("max", decimal(statistics.max))}
      ${statistics.zeros > 0 ? number("zeros", count(statistics.zeros)) : nothing}
      ${statistics.nan > 0 ? number("NaN", count(statistics.nan), true) : nothing}
      ${statistics.inf > 0 ? number("infinite", count(statistics.inf), true) : nothing}
    </p>`;
  }
}
