import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { isJsonNumber, type JsonNumber, type ReportTable } from "../../src/protocol/reports.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import { count, counted, decimal } from "./format.ts";

/** More rows than anyone reads would freeze the page. */
const SHOWN_ROWS = 500;

/** A table of a pass or an analysis: it scrolls by itself, its head stays, numbers stand right. */
@customElement("normlens-report-table")
export class ReportTableElement extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
        margin: 6px 0;
      }
      .scroller {
        overflow: auto;
        max-height: 260px;
        border: 1px solid var(--line);
      }
      table {
        border-collapse: collapse;
        min-width: 100%;
      }
      th,
      td {
        padding: 1px 10px;
        line-height: 20px;
        text-align: left;
        font-weight: normal;
        white-space: nowrap;
      }
      thead th {
        position: sticky;
        top: 0;
        color: var(--muted);
        background: var(--vscode-editor-background);
        border-bottom: 1px solid var(--line);
      }
      tbody tr:hover {
        background: var(--vscode-list-hoverBackground);
      }
      h3 {
        font: inherit;
        font-weight: 600;
        line-height: 22px;
        overflow-wrap: anywhere;
      }
    `,
  ];

  @property({ attribute: false }) table!: ReportTable;

  override render() {
    const { title, columns, rows } = this.table;
    const shown = rows.slice(0, SHOWN_ROWS);
    const numeric = columns.map((_, column) => shown.every((row) => isJsonNumber(row[column])));
    const alignment = (column: number) => (numeric[column] && rows.length > 0 ? "number" : nothing);
    const hidden = rows.length - shown.length;
    return html`<h3>${title}</h3>
      <div class="scroller" tabindex="0" role="region" aria-label=${title}>
        <table>
          <caption class="hidden-text">${title}, ${counted(rows.length, "row")}</caption>
          <thead>
            <tr>
              ${columns.map((name, column) => html`<th scope="col" class=${alignment(column)}>${name}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${shown.map(
              (row) =>
                html`<tr>
                  ${columns.map((_, column) =>
                    column === 0
                      ? html`<th scope="row" class=${alignment(0)}>${cellText(row[0])}</th>`
                      : html`<td class=${alignment(column)}>${cellText(row[column])}</td>`,
                  )}
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${hidden > 0 ? html`<p class="muted">${count(hidden)} more rows are not shown.</p>` : nothing}`;
  }
}

/** A count in full, anything else to four digits; a negative zero is a zero to readers. */
function cellText(cell: string | JsonNumber | undefined): string {
  if (cell === undefined) return "";
  if (!isJsonNumber(cell)) return cell;
  return Number.isInteger(cell) ? count(Number(cell) + 0).replace("-", "−") : decimal(cell);
}
