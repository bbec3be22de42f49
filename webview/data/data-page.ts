import { html, LitElement, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import "@vscode-elements/elements/dist/vscode-button/index.js";
import type { FromDataPage, ToDataPage } from "../../src/protocol/data-page.ts";
import type { DataReport } from "../../src/protocol/data-report.ts";
import "../charts/class-chart.ts";
import "../charts/histogram-chart.ts";
import { counted } from "../elements/format.ts";
import { icon } from "../elements/icons.ts";
import { answerEvents } from "../elements/page-events.ts";
import "../elements/report-table.ts";
import { connectHost } from "../host.ts";
import { noticeStyles } from "../theme/notice-styles.ts";
import { pageHeaderStyles, pageStyles } from "../theme/page-styles.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import { dataPageStyles } from "./data-page-styles.ts";
import { classModel, groupTable, sampleTable, summary, valueModel } from "./report-models.ts";
import "./sample-tile.ts";

/** What a data set holds and what may be wrong with it. */
@customElement("normlens-data-page")
export class DataPage extends LitElement {
  static override styles = [
    sharedStyles,
    pageStyles,
    pageHeaderStyles,
    noticeStyles,
    dataPageStyles,
  ];

  @state() private dataName = "";
  @state() private modelName: string | undefined;
  @state() private fraction = 0;
  @state() private report: DataReport | undefined;
  @state() private failure: string | undefined;
  @state() private noticeText = "";
  readonly #host = connectHost<ToDataPage, FromDataPage, undefined>();

  override connectedCallback() {
    super.connectedCallback();
    this.#host.listen((message) => this.onMessage(message));
    this.#host.send({ type: "ready" });
    answerEvents(this, this.#host, (sentence) => {
      this.noticeText = sentence;
    });
  }

  private onMessage(message: ToDataPage) {
    switch (message.type) {
      case "reading":
        this.dataName = message.data;
        this.modelName = message.model;
        this.fraction = 0;
        this.report = undefined;
        this.failure = undefined;
        break;
      case "progress":
        this.fraction = message.fraction;
        break;
      case "report":
        this.report = message.report;
        this.failure = undefined;
        break;
      case "failed":
        this.failure = message.message;
        break;
      case "notice":
        this.noticeText = message.message;
        break;
    }
  }

  private readAgain(withModel: boolean) {
    this.#host.send({ type: "readAgain", withModel });
  }

  override render() {
    const { report } = this;
    return html`<main class="page">
      <header><h1>Data ${report?.name ?? this.dataName}</h1></header>
      ${report === undefined ? this.stateLine() : html`<p class="summary">${summary(report)}</p>`}
      ${report === undefined ? html`<div></div>` : this.content(report)}
      <p class="notice" role="status">${this.noticeText}</p>
    </main>`;
  }

  /** While there is no report: how far reading is, or why it ended. */
  private stateLine() {
    if (this.failure === undefined) {
      const percent = Math.round(100 * this.fraction);
      return html`<p class="state">Reading samples… ${percent} %</p>`;
    }
    return html`<div class="state" role="alert">
      <span>${icon("error", "error")} ${this.failure}</span>
      <vscode-button @click=${() => this.readAgain(true)}>Read again</vscode-button>
      ${
        this.modelName === undefined
          ? nothing
          : html`<vscode-button secondary @click=${() => this.readAgain(false)}
              >Read without ${this.modelName}</vscode-button
            >`
      }
    </div>`;
  }

  private content(report: DataReport) {
    const pictures = report.shown.filter(({ view }) => view.kind !== "numbers");
    const table = sampleTable(report);
    return html`<div class="content">
      ${warnings(report)}
      <section class="charts" aria-label="Charts">
        ${
          report.classes.length === 0
            ? nothing
            : html`<normlens-class-chart .model=${classModel(report)}></normlens-class-chart>`
        }
        <normlens-histogram-chart .model=${valueModel(report)}></normlens-histogram-chart>
      </section>
      ${
        pictures.length === 0
          ? nothing
          : html`<h2 class="heading">Samples</h2>
              <div class="samples">
                ${pictures.map((sample) => html`<normlens-sample-tile .sample=${sample}></normlens-sample-tile>`)}
              </div>`
      }
      ${table === undefined ? nothing : html`<normlens-report-table .table=${table}></normlens-report-table>`}
      <normlens-report-table .table=${groupTable(report)}></normlens-report-table>
    </div>`;
  }
}

function warnings(report: DataReport) {
  if (report.warnings.length === 0) {
    return html`<p class="warnings">${icon("pass", "good")} Nothing to warn of.</p>`;
  }
  return html`<section class="warnings" aria-label=${counted(report.warnings.length, "warning")}>
    <ul>
      ${report.warnings.map(({ message }) => html`<li>${icon("warning", "warning")}<span>${message}</span></li>`)}
    </ul>
  </section>`;
}

declare global {
  interface HTMLElementTagNameMap {
    "normlens-data-page": DataPage;
  }
}
