import { html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { NodeRow } from "../../src/protocol/engine.ts";
import { count } from "../elements/format.ts";
import { icon } from "../elements/icons.ts";
import { styleOf } from "../elements/style-of.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import { selectNode } from "./model-events.ts";
import type { NodeFlag } from "./node-filter.ts";
import { nodeTableStyles, ROW_HEIGHT } from "./node-table-styles.ts";
import { moveSelection, rowWindow, scrollToShow } from "./row-window.ts";

/** All nodes as a grid of which only the rows in sight exist. */
@customElement("normlens-node-table")
export class NodeTable extends LitElement {
  static override styles = [sharedStyles, nodeTableStyles];

  @property({ attribute: false }) rows: readonly NodeRow[] = [];
  @property({ attribute: false }) flags: ReadonlyMap<string, NodeFlag> = new Map();
  /** Index of the selected node in the graph. */
  @property({ type: Number }) selected: number | undefined;
  @property() empty = "No node matches.";
  @query(".scroller") private scroller!: HTMLElement;
  @state() private scrolled = 0;
  @state() private height = 400;
  #resize = new ResizeObserver(([entry]) => {
    this.height = entry?.contentRect.height ?? this.height;
  });

  override render() {
    const { first, end } = rowWindow(this.scrolled, this.height, ROW_HEIGHT, this.rows.length);
    const position = this.position;
    const active = position >= first && position < end ? `row-${position}` : nothing;
    return html`<div
      class="scroller"
      role="grid"
      tabindex="0"
      aria-label="Nodes"
      aria-rowcount=${this.rows.length + 1}
      aria-colcount="6"
      aria-activedescendant=${active}
      @scroll=${this.onScroll}
      @keydown=${this.onKey}
    >
      <div class="row header" role="row" aria-rowindex="1">
        <span role="columnheader" class="index number">#</span>
        <span role="columnheader" class="name">Name</span>
        <span role="columnheader" class="flag"><span class="hidden-text">Findings</span></span>
        <span role="columnheader" class="operator">Operator</span>
        <span role="columnheader" class="output">Output</span>
        <span role="columnheader" class="parameters number">Parameters</span>
      </div>
      <div
        class="space"
        role="rowgroup"
        ${styleOf({ height: `${this.rows.length * ROW_HEIGHT}px` })}
      >
        ${
          this.rows.length === 0
            ? html`<div class="row" role="row" aria-rowindex="2">
                <span role="gridcell" class="none">${this.empty}</span>
              </div>`
            : nothing
        }
        ${this.rows.slice(first, end).map((row, offset) => this.row(row, first + offset))}
      </div>
    </div>`;
  }

  private row(row: NodeRow, position: number) {
    const flag = this.flags.get(row.name);
    const selected = row.index === this.selected;
    return html`<div
      id=${`row-${position}`}
      class="row body ${selected ? "selected" : ""} ${row.changed ? "changed" : ""}"
      role="row"
      aria-rowindex=${position + 2}
      aria-selected=${selected}
      ${styleOf({ transform: `translateY(${position * ROW_HEIGHT}px)` })}
      @click=${() => selectNode(this, row.index)}
    >
      <span role="gridcell" class="index number">${row.index + 1}</span>
      <span role="gridcell" class="name" title=${row.name}
        >${row.name}${row.changed ? html`<span class="hidden-text"> (changed)</span>` : nothing}</span
      >
      <span role="gridcell" class="flag" title=${flag?.message ?? nothing}
        >${flag === undefined ? nothing : this.badge(flag)}</span
      >
      <span role="gridcell" class="operator" title=${row.opType}>${row.opType}</span>
      <span role="gridcell" class="output" title=${row.output}>${row.output}</span>
      <span role="gridcell" class="parameters number"
        >${row.parameters > 0 ? count(row.parameters) : ""}</span
      >
    </div>`;
  }

  private badge(flag: NodeFlag) {
    const name =
      flag.severity === "information" ? (flag.fixable ? "lightbulb" : "info") : flag.severity;
    return html`${icon(name, flag.severity)}<span class="hidden-text">${flag.message}</span>`;
  }

  private get position(): number {
    return this.rows.findIndex((row) => row.index === this.selected);
  }

  /** Scrolls no more than needed to show the selected row. */
  revealSelected(): void {
    const position = this.position;
    if (position < 0) return;
    const { scroller } = this;
    const height = scroller.clientHeight - ROW_HEIGHT;
    scroller.scrollTop = scrollToShow(position, scroller.scrollTop, height, ROW_HEIGHT);
    this.scrolled = scroller.scrollTop;
  }

  get scrollPosition(): number {
    return this.scroller.scrollTop;
  }

  set scrollPosition(top: number) {
    this.scroller.scrollTop = top;
    this.scrolled = this.scroller.scrollTop;
  }

  override focus(): void {
    this.scroller.focus();
  }

  private onScroll() {
    this.scrolled = this.scroller.scrollTop;
    this.dispatchEvent(new CustomEvent("scrolled", { bubbles: true, composed: true }));
  }

  private onKey(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const rowsPerPage = Math.floor(this.height / ROW_HEIGHT) - 1;
    const next = moveSelection(event.key, this.position, this.rows.length, rowsPerPage);
    const row = next === undefined ? undefined : this.rows[next];
    if (row !== undefined) {
      event.preventDefault();
      selectNode(this, row.index);
    } else if (event.key.length === 1 && event.key !== " ") {
      // Typing starts a search, as in the trees of VS Code.
      event.preventDefault();
      this.dispatchEvent(new CustomEvent("type-ahead", { detail: event.key }));
    }
  }

  protected override firstUpdated(_changed: PropertyValues) {
    this.#resize.observe(this.scroller);
  }

  protected override updated(changed: PropertyValues<this>) {
    if (changed.has("selected") && this.selected !== undefined) this.revealSelected();
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.#resize.disconnect();
  }
}
