import { css, html, LitElement } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import "@vscode-elements/elements/dist/vscode-checkbox/index.js";
import "@vscode-elements/elements/dist/vscode-option/index.js";
import "@vscode-elements/elements/dist/vscode-single-select/index.js";
import "@vscode-elements/elements/dist/vscode-textfield/index.js";
import type { VscodeTextfield } from "@vscode-elements/elements/dist/vscode-textfield/index.js";
import type { DocumentView } from "../../src/protocol/engine.ts";
import { count } from "../elements/format.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import { filterRows, flagNodes, NO_FILTER, type NodeFilter } from "./node-filter.ts";
import type { NodeTable } from "./node-table.ts";
import "./node-table.ts";

/** The node table with its search and filters. Fires `filter` when they change. */
@customElement("normlens-node-panel")
export class NodePanel extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
        min-width: 0;
      }
      .bar {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px 8px;
        padding: 4px 12px;
        border-bottom: 1px solid var(--line);
      }
      h2 {
        flex: none;
        min-width: 96px;
      }
      vscode-textfield {
        flex: 1 1 140px;
        width: auto;
        min-width: 0;
      }
      vscode-single-select {
        flex: 0 1 170px;
        width: 170px;
        min-width: 0;
      }
      vscode-checkbox {
        flex: none;
      }
      normlens-node-table {
        flex: 1;
        min-height: 0;
      }
    `,
  ];

  @property({ attribute: false }) view: DocumentView | undefined;
  @property({ attribute: false }) filter: NodeFilter = NO_FILTER;
  @property({ type: Number }) selected: number | undefined;
  @query("normlens-node-table") readonly nodeTable!: NodeTable;
  @query("vscode-textfield") private search!: VscodeTextfield;

  override render() {
    const rows = this.view?.rows ?? [];
    const flags = flagNodes(this.view?.report.findings ?? []);
    const shown = filterRows(rows, this.filter, flags);
    const operators = Object.entries(this.view?.report.operators ?? {});
    operators.sort(([, a], [, b]) => b - a);
    const all = rows.length === shown.length;
    return html`<div class="bar" role="search">
        <h2 class="heading" aria-live="polite">
          Nodes
          <span class="muted">${all ? count(rows.length) : `${count(shown.length)} of ${count(rows.length)}`}</span>
        </h2>
        <vscode-textfield
          placeholder="Search"
          .label=${"Search nodes by name, operator or shape"}
          .value=${this.filter.search}
          @input=${() => this.change({ search: this.search.value })}
          @keydown=${this.onSearchKey}
        ></vscode-textfield>
        <vscode-single-select
          label="Operator"
          .value=${this.filter.operator}
          @change=${(event: Event) => this.change({ operator: (event.target as HTMLSelectElement).value })}
        >
          <vscode-option value="" ?selected=${this.filter.operator === ""}>All operators</vscode-option>
          ${operators.map(
            ([name, many]) =>
              html`<vscode-option value=${name} ?selected=${this.filter.operator === name}
                >${name} (${count(many)})</vscode-option
              >`,
          )}
        </vscode-single-select>
        <vscode-checkbox
          label="only findings"
          ?checked=${this.filter.onlyFindings}
          .checked=${this.filter.onlyFindings}
          @change=${(event: Event) => this.change({ onlyFindings: (event.target as HTMLInputElement).checked })}
        ></vscode-checkbox>
      </div>
      <normlens-node-table
        .rows=${shown}
        .flags=${flags}
        .selected=${this.selected}
        empty=${this.view === undefined ? "Reading the nodes…" : "No node matches."}
        @type-ahead=${(event: CustomEvent<string>) => this.typeAhead(event.detail)}
      ></normlens-node-table>`;
  }

  private change(part: Partial<NodeFilter>) {
    const filter = { ...this.filter, ...part };
    this.dispatchEvent(new CustomEvent("filter", { detail: filter }));
  }

  private typeAhead(key: string) {
    this.search.value += key;
    this.search.focus();
    this.change({ search: this.search.value });
  }

  private onSearchKey(event: KeyboardEvent) {
    if (event.key === "Escape") {
      this.change({ search: "" });
      this.nodeTable.focus();
    } else if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      this.nodeTable.focus();
    }
  }
}
