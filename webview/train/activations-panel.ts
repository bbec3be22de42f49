import { css, html, LitElement, nothing, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import "@vscode-elements/elements/dist/vscode-checkbox/index.js";
import "@vscode-elements/elements/dist/vscode-option/index.js";
import "@vscode-elements/elements/dist/vscode-single-select/index.js";
import {
  activationRidge,
  activationsAt,
  unitSentence,
  watchedValues,
} from "../charts/activation-ridge.ts";
import type { RidgeModel } from "../charts/model.ts";
import "../charts/ridge-chart.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import type { RunState } from "./run-state.ts";

/** How one layer's activations are spread, epoch by epoch. Fires `layer` when another is chosen. */
@customElement("normlens-activations-panel")
export class ActivationsPanel extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      .controls {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px 10px;
        min-width: 0;
      }
      vscode-single-select {
        width: 150px;
      }
      .epoch {
        display: flex;
        align-items: center;
        gap: 6px;
        white-space: nowrap;
      }
      .epoch output {
        min-width: 2.5em;
        font-variant-numeric: tabular-nums;
      }
      input[type="range"] {
        width: 110px;
        accent-color: var(--vscode-charts-yellow);
      }
      p {
        min-height: 20px;
        font-variant-numeric: tabular-nums;
      }
    `,
  ];

  @property({ attribute: false }) run!: RunState;
  @property() layer = "";
  @state() private squareRoot = false;
  /** Unset follows the newest epoch. */
  @state() private epoch: number | undefined;
  private model!: RidgeModel;

  private get shownLayer(): string {
    const values = watchedValues(this.run);
    return values.includes(this.layer) ? this.layer : (values[0] ?? "");
  }

  protected override willUpdate(changed: PropertyValues<this>) {
    const before = changed.get("run");
    if (
      !changed.has("layer") &&
      before !== undefined &&
      before.start === this.run.start &&
      before.epochs.length === this.run.epochs.length
    )
      return;
    if (before?.start !== this.run.start) this.epoch = undefined;
    if (changed.has("run") || changed.has("layer")) {
      this.model = activationRidge(this.run, this.shownLayer);
    }
  }

  override render() {
    const values = watchedValues(this.run);
    const last = this.run.epochs.at(-1)?.epoch ?? 0;
    const epoch = Math.min(this.epoch ?? last, last);
    const statistics = activationsAt(this.run, this.shownLayer, epoch);
    return html`<normlens-ridge-chart
        .model=${this.model}
        .selectedEpoch=${epoch}
        ?squareRoot=${this.squareRoot}
        .squareRoot=${this.squareRoot}
        empty="One line an epoch appears here: how the values of a layer are spread."
      >
        <span slot="controls" class="controls">
          ${
            values.length === 0
              ? nothing
              : html`<vscode-single-select
                    label="Layer"
                    .value=${this.shownLayer}
                    @change=${(event: Event) => this.choose((event.target as HTMLSelectElement).value)}
                  >
                    ${values.map(
                      (name) =>
                        html`<vscode-option value=${name} ?selected=${name === this.shownLayer}
                          >${name}</vscode-option
                        >`,
                    )}
                  </vscode-single-select>
                  <label class="epoch"
                    >epoch
                    <input
                      type="range"
                      min="1"
                      max=${Math.max(1, last)}
                      step="1"
                      .value=${String(epoch)}
                      @input=${(event: Event) => this.pick(Number((event.target as HTMLInputElement).value), last)}
                    /><output>${epoch}</output></label
                  >
                  <vscode-checkbox
                    label="√"
                    title="Square root of the counts, to see what is rare"
                    .checked=${this.squareRoot}
                    @change=${(event: Event) => {
                      this.squareRoot = (event.target as HTMLInputElement).checked;
                    }}
                  ></vscode-checkbox>`
          }
        </span>
      </normlens-ridge-chart>
      <p class="muted">${statistics === undefined ? "" : unitSentence(statistics)}</p>`;
  }

  private choose(layer: string) {
    this.dispatchEvent(new CustomEvent("layer", { detail: layer }));
  }

  private pick(epoch: number, last: number) {
    this.epoch = epoch === last ? undefined : epoch;
  }
}
