import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { PassReport } from "../../src/protocol/reports.ts";
import type { RunReport } from "../../src/protocol/run-report.ts";
import { activationRidge, watchedValues } from "../charts/activation-ridge.ts";
import { gradientNorms, updateRatios } from "../charts/detail-curves.ts";
import { HoverLink } from "../charts/hover-link.ts";
import "../charts/line-chart.ts";
import "../charts/ridge-chart.ts";
import { accuracyCurves, lossCurves } from "../charts/run-curves.ts";
import { shiftBand } from "../charts/shift-band.ts";
import type { SaveFile } from "../elements/page-events.ts";
import "../elements/report-table.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import { outcomeOf } from "../train/run-outcome.ts";
import { applyEvents, NO_RUN, type RunState, type StartEvent } from "../train/run-state.ts";

const AS_MEASURED = { logarithmic: false, smoothing: 0 } as const;

/** The whole report on one page: what was folded, how the training went, what the layers saw. */
@customElement("normlens-report")
export class ReportPage extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
        max-width: 1100px;
        margin: 0 auto;
        padding: 24px 16px;
      }
      h1 {
        font-size: 20px;
        font-weight: 600;
      }
      section {
        border-top: 1px solid var(--line);
        margin-top: 16px;
        padding-top: 12px;
      }
      .charts {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr));
        gap: 16px;
        margin-top: 12px;
        --plot-height: 260px;
      }
      pre {
        font-family: var(--mono);
        overflow-x: auto;
      }
    `,
  ];

  @property({ attribute: false }) report: RunReport | undefined;
  readonly #hoverLink = new HoverLink();

  override render() {
    if (this.report === undefined) return nothing;
    const run = applyEvents(NO_RUN, this.report.events);
    return html`<main>
      <h1>${this.report.title}</h1>
      <p class="muted">${this.report.model}</p>
      ${this.report.passes.map(passSection)}
      ${run.start === undefined ? nothing : this.runSection(run, run.start)}
    </main>`;
  }

  protected override createRenderRoot() {
    const root = super.createRenderRoot();
    root.addEventListener("save-file", (event) =>
      download((event as CustomEvent<SaveFile>).detail),
    );
    return root;
  }

  private runSection(run: RunState, start: StartEvent) {
    return html`<section>
      <h2 class="heading">Training</h2>
      <p>${outcomeOf("finished", run, start.model, undefined).sentence}</p>
      <div class="charts">
        <normlens-line-chart
          .model=${lossCurves(run, AS_MEASURED)}
          .hoverLink=${this.#hoverLink}
        ></normlens-line-chart>
        ${
          start.classes === undefined
            ? nothing
            : html`<normlens-line-chart
                .model=${accuracyCurves(run, AS_MEASURED)}
                .hoverLink=${this.#hoverLink}
              ></normlens-line-chart>`
        }
        ${(run.details.length === 0 ? [] : [gradientNorms(run), updateRatios(run)]).map(
          (model) =>
            html`<normlens-line-chart
              .model=${model}
              .hoverLink=${this.#hoverLink}
              .xPerEpoch=${start.stepsPerEpoch}
            ></normlens-line-chart>`,
        )}
      </div>
    </section>
    ${watchedValues(run).map((value) => layerSection(run, value))}
    <section>
      <h2 class="heading">Configuration</h2>
      <pre>${JSON.stringify(start.config, null, 2)}</pre>
    </section>`;
  }
}

function layerSection(run: RunState, value: string) {
  const ridge = activationRidge(run, value);
  return html`<section>
    <h2 class="heading">Layer ${value}</h2>
    <p>${ridge.description}</p>
    <div class="charts">
      <normlens-ridge-chart .model=${ridge} .selectedEpoch=${ridge.rows.at(-1)?.epoch ?? 0}></normlens-ridge-chart>
      <normlens-line-chart
        .model=${shiftBand(run, value)}
        .xPerEpoch=${run.start?.stepsPerEpoch ?? 1}
      ></normlens-line-chart>
    </div>
  </section>`;
}

function passSection(report: PassReport) {
  const { before, after } = report;
  return html`<section>
    <h2 class="heading">${report.label}</h2>
    <p>
      ${report.applied.length} applied, ${report.skipped.length} left; ${before.nodes} → ${after.nodes}
      nodes, ${before.parameters.toLocaleString("en")} → ${after.parameters.toLocaleString("en")}
      parameters.
    </p>
    <p>${report.statement}</p>
    <p>${report.certificate?.sentence}</p>
    ${report.tables?.map((table) => html`<normlens-report-table .table=${table}></normlens-report-table>`)}
  </section>`;
}

function download({ suggestedName, content }: SaveFile): void {
  const url = URL.createObjectURL(new Blob([content]));
  const link = document.createElement("a");
  link.href = url;
  link.download = suggestedName;
  link.click();
  URL.revokeObjectURL(url);
}

declare global {
  interface HTMLElementTagNameMap {
    "normlens-report": ReportPage;
  }
}
