import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Certificate, OutputDifference } from "../../src/protocol/reports.ts";
import { decimal } from "../elements/format.ts";
import { icon } from "../elements/icons.ts";
import { sharedStyles } from "../theme/shared-styles.ts";

/** Whether the function stayed the same: the sentence first, the numbers for those who ask. */
@customElement("normlens-certificate")
export class CertificateView extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
      }
      .sentence {
        display: grid;
        grid-template-columns: 16px 1fr;
        gap: 8px;
        padding: 6px 8px;
        border-left: 3px solid var(--vscode-charts-green);
        background: var(--vscode-textBlockQuote-background);
        overflow-wrap: anywhere;
      }
      .failed {
        background: none;
        border-color: var(--error);
      }
      .failed p {
        color: var(--error);
      }
      p {
        line-height: 1.4;
      }
      .places {
        padding: 4px 8px 0 35px;
      }
      summary {
        cursor: pointer;
        line-height: 22px;
        margin-top: 4px;
      }
      .scroller {
        overflow: auto;
        max-height: 240px;
      }
      table {
        border-collapse: collapse;
      }
      th,
      td {
        text-align: right;
        padding: 1px 14px 1px 0;
        font-weight: normal;
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }
      th:first-child {
        text-align: left;
      }
      thead th,
      h3 {
        color: var(--muted);
        font-weight: normal;
        font-size: inherit;
        margin-top: 4px;
      }
    `,
  ];

  @property({ attribute: false }) certificate!: Certificate;

  override render() {
    const { certificate } = this;
    const { pass } = certificate;
    return html`<div class="sentence ${pass ? "" : "failed"}" role=${pass ? "note" : "alert"}>
        ${pass ? icon("pass", "good") : icon("error", "error")}
        <p>${certificate.sentence}</p>
      </div>
      ${pass ? nothing : this.where()}
      <details>
        <summary>Show details</summary>
        <div class="scroller" tabindex="0" role="region" aria-label="Details of the comparison">
          ${this.differences("Outputs", certificate.outputs)}
          ${
            certificate.sites === undefined || certificate.sites.length === 0
              ? nothing
              : this.differences("Changed places", certificate.sites)
          }
          <h3>Inputs tried</h3>
          <p>${certificate.inputs.join(", ")}</p>
        </div>
      </details>`;
  }

  /** The worst place of a failure, so that the search for its cause has a start. */
  private where() {
    const all = [...(this.certificate.sites ?? []), ...this.certificate.outputs];
    const worst = all.toSorted((a, b) => magnitude(b) - magnitude(a))[0];
    if (worst === undefined) return nothing;
    const input = worst.input === undefined ? "" : ` on ${worst.input}`;
    const element = worst.index === undefined ? "" : ` at element ${worst.index}`;
    return html`<p class="places">
      Largest at ${worst.name}${element}${input}: ${decimal(worst.maxAbs, 3)}.
    </p>`;
  }

  private differences(caption: string, differences: readonly OutputDifference[]) {
    return html`<table>
      <thead>
        <tr>
          <th scope="col">${caption}</th>
          <th scope="col">largest difference</th>
          <th scope="col">of its scale</th>
          <th scope="col">rounding explains</th>
        </tr>
      </thead>
      <tbody>
        ${differences.map(
          (each) =>
            html`<tr>
              <th scope="row">${each.name}</th>
              <td>${decimal(each.maxAbs, 3)}</td>
              <td>${decimal(each.maxRelative, 3)}</td>
              <td>${each.roundingRelative === undefined ? "–" : decimal(each.roundingRelative, 3)}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
  }
}

/** NaN counts as the worst of all. */
function magnitude(difference: OutputDifference): number {
  const value = Number(difference.maxRelative);
  return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
}
