import { html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import "@vscode-elements/elements/dist/vscode-button/index.js";
import type { FromModelPage, ToModelPage } from "../../src/protocol/model-page.ts";
import { icon } from "../elements/icons.ts";
import { answerEvents } from "../elements/page-events.ts";
import { connectHost } from "../host.ts";
import { pageStyles } from "../theme/page-styles.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import "./change-view.ts";
import "./findings-list.ts";
import "./model-header.ts";
import { request } from "./model-events.ts";
import { modelPageStyles } from "./model-page-styles.ts";
import "./node-detail.ts";
import { filterRows, flagNodes, NO_FILTER, type NodeFilter } from "./node-filter.ts";
import type { NodePanel } from "./node-panel.ts";
import "./node-panel.ts";
import {
  closeChange,
  EMPTY_PAGE,
  followSelection,
  type ModelPageState,
  receive,
  restingStatus,
} from "./page-state.ts";
import "./status-line.ts";

/** What outlives hiding, showing and reloading the page. */
interface KeptState {
  readonly selected?: string;
  readonly filter: NodeFilter;
  readonly scrollTop: number;
}

/** The custom editor's page. It alone talks with the host; its parts fire events. */
@customElement("normlens-model-page")
export class ModelPage extends LitElement {
  static override styles = [sharedStyles, pageStyles, modelPageStyles];

  @state() private page: ModelPageState = EMPTY_PAGE;
  @state() private filter: NodeFilter = NO_FILTER;
  @state() private selected: number | undefined;
  @query("normlens-node-panel") private panel!: NodePanel | null;
  #selectedName: string | undefined;
  #scrollTop = 0;
  /** Scroll to give back once the rows are there. */
  #scrollDue = false;
  #keepTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #host = connectHost<ToModelPage, FromModelPage, KeptState>();

  override connectedCallback() {
    super.connectedCallback();
    const kept = this.#host.restore();
    if (kept !== undefined) {
      this.filter = kept.filter;
      this.#selectedName = kept.selected;
      this.#scrollTop = kept.scrollTop;
    }
    this.#host.listen((message) => this.onMessage(message));
    this.#host.send({ type: "ready" });
    this.addEventListener("model-request", (event) => this.#host.send(event.detail));
    this.addEventListener("select-node", (event) => this.select(event.detail));
    this.addEventListener("show-node", (event) => this.reveal(event.detail));
    this.addEventListener("close-change", () => {
      this.page = closeChange(this.page);
    });
    answerEvents(this, this.#host, (message) => {
      this.page = receive(this.page, { type: "notice", message });
    });
  }

  private onMessage(message: ToModelPage) {
    const before = this.page;
    this.page = receive(before, message);
    if (message.type === "document") {
      const index = followSelection(message.view, this.#selectedName, this.page.change);
      // The first document comes back to where the reader was; later ones leave the scroll alone.
      if (before.view === undefined) this.#scrollDue = true;
      this.selected = index;
      if (index === undefined) this.#selectedName = undefined;
      else this.#host.send({ type: "select", index });
    } else if (message.type === "reveal") {
      this.reveal(message.node);
    }
  }

  private select(index: number) {
    this.selected = index;
    this.#selectedName = this.page.view?.rows[index]?.name;
    this.page = closeChange(this.page);
    this.#host.send({ type: "select", index });
    this.keep();
  }

  /** Shows a node by name, dropping a filter that would hide it. */
  private async reveal(name: string) {
    const row = this.page.view?.rows.find((each) => each.name === name);
    if (row === undefined) return;
    const flags = flagNodes(this.page.view?.report.findings ?? []);
    if (filterRows([row], this.filter, flags).length === 0) this.filter = NO_FILTER;
    this.select(row.index);
    await this.updateComplete;
    await this.panel?.updateComplete;
    this.panel?.nodeTable.revealSelected();
  }

  /** Scrolling comes in bursts; VS Code need not hear of each. */
  private keep() {
    clearTimeout(this.#keepTimer);
    this.#keepTimer = setTimeout(() => {
      this.#scrollTop = this.panel?.nodeTable.scrollPosition ?? this.#scrollTop;
      this.#host.keep({
        ...(this.#selectedName === undefined ? {} : { selected: this.#selectedName }),
        filter: this.filter,
        scrollTop: this.#scrollTop,
      });
    }, 150);
  }

  protected override async updated(_changed: PropertyValues) {
    if (!this.#scrollDue || this.panel === null) return;
    this.#scrollDue = false;
    const { panel } = this;
    await panel.updateComplete;
    await panel.nodeTable.updateComplete;
    panel.nodeTable.scrollPosition = this.#scrollTop;
  }

  override render() {
    const { page } = this;
    if (page.phase === "failed") return this.failed();
    const busy = page.busy !== undefined;
    const resting = page.view === undefined ? "Reading the model…" : restingStatus(page.view);
    return html`<main class="page" aria-busy=${page.view === undefined}>
      <normlens-model-header
        .fileName=${page.fileName}
        .bytes=${page.bytes}
        .report=${page.view?.report}
        .techniques=${page.techniques}
        ?dirty=${page.dirty}
        ?busy=${busy}
      ></normlens-model-header>
      ${
        page.view === undefined
          ? html`<div class="waiting muted">Findings appear as soon as the file is read.</div>`
          : html`<normlens-findings
              .findings=${page.view.report.findings}
              ?busy=${busy}
            ></normlens-findings>`
      }
      <div class="split">
        <normlens-node-panel
          .view=${page.view}
          .filter=${this.filter}
          .selected=${this.selected}
          @filter=${(event: CustomEvent<NodeFilter>) => {
            this.filter = event.detail;
            this.keep();
          }}
          @scrolled=${this.keep}
        ></normlens-node-panel>
        <div class="side" tabindex="0" role="region" aria-label="Selected node or change">
          ${this.side(busy)}
        </div>
      </div>
      <normlens-status-line
        .text=${page.status.text || resting}
        ?problem=${page.status.problem}
        .busy=${page.busy}
      ></normlens-status-line>
    </main>`;
  }

  private side(busy: boolean) {
    const { page } = this;
    if (page.change !== undefined) {
      return html`<normlens-change-view .change=${page.change} ?busy=${busy}></normlens-change-view>`;
    }
    if (this.selected === undefined) {
      return html`<p class="hint">Select a node to see its inputs, parameters and histograms.</p>`;
    }
    const { detail } = page;
    if (detail === undefined || detail.index !== this.selected) return nothing;
    return html`<normlens-node-detail
      .detail=${detail}
      .techniques=${page.techniques}
      ?busy=${busy}
    ></normlens-node-detail>`;
  }

  private failed() {
    return html`<main class="failed">
      <div role="alert">
      <h1>${icon("error", "error")} ${this.page.fileName} could not be opened</h1>
      <p>${this.page.failure}</p>
      <p class="muted">The file itself has not been changed.</p>
      </div>
      <vscode-button @click=${() => request(this, { type: "retry" })}>Retry</vscode-button>
    </main>`;
  }
}
