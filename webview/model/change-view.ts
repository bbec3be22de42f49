import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import "@vscode-elements/elements/dist/vscode-button/index.js";
import type { GraphCount, PassReport } from "../../src/protocol/reports.ts";
import { bytes, count, counted, signed } from "../elements/format.ts";
import { icon } from "../elements/icons.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import "../elements/report-table.ts";
import "./certificate-view.ts";
import { closeChangeView, request, showNode } from "./model-events.ts";
import type { ShownChange } from "./page-state.ts";

const SHOWN_SKIPS = 200;

/** A change before or after it is made: what it does to the graph, and whether that is proven. */
@customElement("normlens-change-view")
export class ChangeView extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
        padding: 4px 12px 8px;
      }
      .title {
        display: flex;
        align-items: center;
        gap: 8px;
      }
      h2 {
        flex: 1;
        font-size: 1.05em;
        font-weight: 600;
        overflow-wrap: anywhere;
        line-height: 26px;
      }
      table {
        border-collapse: collapse;
        margin: 6px 0;
        width: 100%;
        max-width: 480px;
      }
      th,
      td {
        text-align: right;
        padding: 1px 0 1px 10px;
        line-height: 20px;
        font-weight: normal;
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }
      th:first-child {
        text-align: left;
        padding-left: 0;
        white-space: normal;
        overflow-wrap: anywhere;
      }
      thead th {
        color: var(--muted);
        border-bottom: 1px solid var(--line);
      }
      .group th {
        color: var(--muted);
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 6px;
        margin: 8px 0;
      }
      .statement {
        display: grid;
        grid-template-columns: 16px 1fr;
        gap: 8px;
        padding: 6px 8px;
        margin-bottom: 4px;
        line-height: 1.4;
        border-left: 3px solid var(--information);
        background: var(--vscode-textBlockQuote-background);
        overflow-wrap: anywhere;
      }
      summary {
        cursor: pointer;
        line-height: 22px;
      }
      .skips li {
        display: flex;
        gap: 8px;
        padding-left: 16px;
        overflow-wrap: anywhere;
        line-height: 1.5;
      }
    `,
  ];

  @property({ attribute: false }) change!: ShownChange;
  @property({ type: Boolean }) busy = false;

  override render() {
    const { change } = this;
    const { report } = change;
    const certificate = report.certificate;
    const failed = certificate?.pass === false;
    return html`<section aria-label=${this.caption}>
      <div class="title">
        <h2>${this.caption}</h2>
        <button class="tool" aria-label="Close" title="Close" @click=${() => closeChangeView(this)}>
          ${icon("close")}
        </button>
      </div>
      ${
        report.statement === undefined
          ? nothing
          : html`<p class="statement" role="note">${icon("info", "information")}${report.statement}</p>`
      }
      ${
        certificate === undefined
          ? nothing
          : html`<normlens-certificate .certificate=${certificate}></normlens-certificate>`
      }
      <div class="actions">
        ${
          change.kind === "preview"
            ? html`<vscode-button
                ?disabled=${this.busy || report.applied.length === 0}
                ?secondary=${failed}
                @click=${() => request(this, { type: "apply", request: change.request })}
                >${failed ? "Apply anyway" : "Apply"}</vscode-button
              >`
            : html`<vscode-button
                ?secondary=${!failed}
                ?disabled=${this.busy}
                @click=${() => request(this, { type: "undo" })}
                >Undo</vscode-button
              >`
        }
        <vscode-button
          secondary
          title="As a document of its own"
          @click=${() => request(this, { type: "openReport", report })}
          >Open report</vscode-button
        >
      </div>
      ${this.comparison(report)}
      ${report.tables?.map((table) => html`<normlens-report-table .table=${table}></normlens-report-table>`)}
      ${this.skips(report)}
    </section>`;
  }

  private get caption(): string {
    const { kind, report } = this.change;
    const places = counted(report.applied.length, "place");
    return kind === "preview"
      ? `Preview: ${report.title} at ${places}`
      : `Done: ${report.title} at ${places}`;
  }

  private comparison({ before, after }: PassReport) {
    const row = (name: string, read: (graph: GraphCount) => number, format = count) => {
      const difference = read(after) - read(before);
      return html`<tr>
        <th scope="row">${name}</th>
        <td>${format(read(before))}</td>
        <td>${format(read(after))}</td>
        <td class="muted">${difference === 0 ? "" : signed(difference, format)}</td>
      </tr>`;
    };
    const operators = [
      ...new Set([...Object.keys(before.operators), ...Object.keys(after.operators)]),
    ].filter((name) => before.operators[name] !== after.operators[name]);
    return html`<table>
      <thead>
        <tr>
          <th scope="col"><span class="hidden-text">Quantity</span></th>
          <th scope="col">Before</th>
          <th scope="col">After</th>
          <th scope="col">Difference</th>
        </tr>
      </thead>
      <tbody>
        ${row("Nodes", (graph) => graph.nodes)} ${row("Parameters", (graph) => graph.parameters)}
        ${row("Size", (graph) => graph.bytes, bytes)}
        ${operators.map((name) => row(name, (graph) => graph.operators[name] ?? 0))}
      </tbody>
    </table>`;
  }

  private skips({ skipped }: PassReport) {
    if (skipped.length === 0) return nothing;
    return html`<details class="skips" ?open=${skipped.length <= 5}>
      <summary>${counted(skipped.length, "place")} ${skipped.length === 1 ? "is" : "are"} left as before</summary>
      <ul>
        ${skipped.slice(0, SHOWN_SKIPS).map(
          (skip) =>
            html`<li>
              <button class="link" @click=${() => showNode(this, skip.node)}>${skip.node}</button>
              <span class="muted">${skip.reason}</span>
            </li>`,
        )}
      </ul>
    </details>`;
  }
}
