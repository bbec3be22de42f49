import { css, html, LitElement, type PropertyValues } from "lit";
import { customElement, property } from "lit/decorators.js";
import "@vscode-elements/elements/dist/vscode-checkbox/index.js";
import type { HoverLink } from "../charts/hover-link.ts";
import "../charts/line-chart.ts";
import type { LineModel } from "../charts/model.ts";
import { accuracyCurves, lossCurves } from "../charts/run-curves.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import { hasAccuracy } from "./loss-fields.ts";
import type { RunState } from "./run-state.ts";

export interface CurveLook {
  readonly logarithmic: boolean;
  readonly smoothing: number;
}

/** Loss and accuracy side by side. Fires `look` when scale or smoothing change. */
@customElement("normlens-curves-panel")
export class CurvesPanel extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: contents;
      }
      .controls {
        display: flex;
        align-items: center;
        gap: 10px;
      }
      .smooth {
        display: flex;
        align-items: center;
        gap: 6px;
      }
      input[type="range"] {
        width: 80px;
        accent-color: var(--vscode-charts-blue);
      }
    `,
  ];

  @property({ attribute: false }) run!: RunState;
  @property({ attribute: false }) look!: CurveLook;
  @property({ attribute: false }) hoverLink!: HoverLink;
  private loss!: LineModel;
  private accuracy!: LineModel;

  /** Steps come often and change nothing here. */
  protected override willUpdate(changed: PropertyValues<this>) {
    const before = changed.get("run");
    const same =
      !changed.has("look") &&
      before !== undefined &&
      before.start === this.run.start &&
      before.stop === this.run.stop &&
      before.epochs.length === this.run.epochs.length;
    if (same) return;
    this.loss = lossCurves(this.run, this.look);
    this.accuracy = accuracyCurves(this.run, this.look);
  }

  override render() {
    const running = this.run.start !== undefined;
    const empty = running
      ? "The first point comes after the first epoch."
      : "Start a run to see its curve.";
    const start = this.run.start;
    const regression = start !== undefined && !hasAccuracy(start.config.loss);
    return html`<normlens-line-chart
        class="panel"
        .model=${this.loss}
        .hoverLink=${this.hoverLink}
        empty=${empty}
      >
        <span slot="controls" class="controls">
          <vscode-checkbox
            label="log"
            title="Logarithmic loss axis"
            .checked=${this.look.logarithmic}
            @change=${(event: Event) => this.change({ logarithmic: (event.target as HTMLInputElement).checked })}
          ></vscode-checkbox>
          <label class="smooth"
            >smooth
            <input
              type="range"
              min="0"
              max="0.95"
              step="0.05"
              .value=${String(this.look.smoothing)}
              @input=${(event: Event) => this.change({ smoothing: Number((event.target as HTMLInputElement).value) })}
            />
          </label>
        </span>
      </normlens-line-chart>
      <normlens-line-chart
        class="panel"
        .model=${this.accuracy}
        .hoverLink=${this.hoverLink}
        empty=${regression ? "This loss has no accuracy." : empty}
      ></normlens-line-chart>`;
  }

  private change(part: Partial<CurveLook>) {
    this.dispatchEvent(new CustomEvent("look", { detail: { ...this.look, ...part } }));
  }
}
