import { css, html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import { decimal } from "../elements/format.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import type { DataTable } from "./model.ts";

/** More rows than anyone reads would freeze the page; the CSV has them all. */
const SHOWN_ROWS = 500;

/** The table behind a chart. */
@customElement("normlens-data-table")
export class DataTableElement extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
      }
      .scroller {
        height: 100%;
        overflow: auto;
      }
      table {
        border-collapse: collapse;
        min-width: 100%;
      }
      th,
      td {
        padding: 1px 8px;
        text-align: right;
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }
      th {
        position: sticky;
        top: 0;
        font-weight: 600;
        background: var(--vscode-editor-background);
        border-bottom: 1px solid var(--line);
      }
      tbody tr:hover {
        background: var(--vscode-list-hoverBackground);
      }
      p {
        padding: 4px 8px;
      }
    `,
  ];

  @property() label = "";
  @property({ attribute: false }) table: DataTable = { columns: [], rows: [] };

  override render() {
    const { columns, rows } = this.table;
    const hidden = rows.length - SHOWN_ROWS;
    return html`<div class="scroller" tabindex="0" role="region" aria-label=${this.label}>
      <table>
        <thead>
          <tr>
            ${columns.map((column) => html`<th scope="col">${column}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.slice(0, SHOWN_ROWS).map(
            (row) =>
              html`<tr>
                ${row.map((cell) => html`<td>${typeof cell === "number" ? decimal(cell) : cell}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
      ${hidden > 0 ? html`<p class="muted">${hidden} more rows; Save CSV has them all.</p>` : ""}
    </div>`;
  }
}
