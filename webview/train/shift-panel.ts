import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import "@vscode-elements/elements/dist/vscode-option/index.js";
import "@vscode-elements/elements/dist/vscode-single-select/index.js";
import type { HoverLink } from "../charts/hover-link.ts";
import "../charts/line-chart.ts";
import { watchedValues } from "../charts/activation-ridge.ts";
import { shiftBand } from "../charts/shift-band.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import type { RunState } from "./run-state.ts";

/** The choice that shows every layer as a small chart. */
export const ALL_LAYERS = "*";

/** Where a layer's values move while those before it learn. Fires `layer` when another is chosen. */
@customElement("normlens-shift-panel")
export class ShiftPanel extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      vscode-single-select {
        width: 150px;
      }
      .bar {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 2px 10px;
        min-height: 28px;
      }
      .small {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(200px, 1fr));
        gap: 4px 12px;
        max-height: calc(var(--plot-height) + 40px);
        overflow-y: auto;
      }
      .small > * {
        --plot-height: 96px;
      }
    `,
  ];

  @property({ attribute: false }) run!: RunState;
  @property() layer = "";
  @property({ attribute: false }) hoverLink!: HoverLink;

  override render() {
    const values = watchedValues(this.run).filter((name) => this.run.percentiles.has(name));
    const known = values.length > 0 ? values : watchedValues(this.run);
    const steps = this.run.start?.stepsPerEpoch ?? 1;
    if (this.layer === ALL_LAYERS && known.length > 0) {
      return html`<div class="bar">
          <h2 class="heading">Covariate shift</h2>
          ${this.select(known, ALL_LAYERS)}
        </div>
        <div class="small" tabindex="0" role="region" aria-label="Covariate shift of all layers">
          ${known.map(
            (name) =>
              html`<normlens-line-chart
                compact
                .headingLevel=${3}
                .model=${shiftBand(this.run, name, 200)}
                .hoverLink=${this.hoverLink}
                .xPerEpoch=${steps}
              ></normlens-line-chart>`,
          )}
        </div>`;
    }
    const layer = known.includes(this.layer) ? this.layer : (known[0] ?? "");
    const model = shiftBand(this.run, layer);
    return html`<normlens-line-chart
      .model=${{ ...model, title: "Covariate shift" }}
      .hoverLink=${this.hoverLink}
      .xPerEpoch=${steps}
      empty="The 15th, 50th and 85th percentile of a layer’s values, step by step."
    >
      <span slot="controls">${known.length === 0 ? nothing : this.select(known, layer)}</span>
    </normlens-line-chart>`;
  }

  private select(values: readonly string[], chosen: string) {
    return html`<vscode-single-select
      label="Layer"
      .value=${chosen}
      @change=${(event: Event) =>
        this.dispatchEvent(
          new CustomEvent("layer", { detail: (event.target as HTMLSelectElement).value }),
        )}
    >
      ${values.map(
        (name) =>
          html`<vscode-option value=${name} ?selected=${name === chosen}>${name}</vscode-option>`,
      )}
      <vscode-option value=${ALL_LAYERS} ?selected=${chosen === ALL_LAYERS}>All layers</vscode-option>
    </vscode-single-select>`;
  }
}
