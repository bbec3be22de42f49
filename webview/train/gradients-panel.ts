import { css, html, LitElement, type PropertyValues } from "lit";
import { customElement, property } from "lit/decorators.js";
import { gradientNorms, updateRatios } from "../charts/detail-curves.ts";
import type { HoverLink } from "../charts/hover-link.ts";
import "../charts/line-chart.ts";
import type { LineModel } from "../charts/model.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import type { RunState } from "./run-state.ts";

/** How large the gradients are, layer by layer, and what the steps change: side by side. */
@customElement("normlens-gradients-panel")
export class GradientsPanel extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: contents;
      }
    `,
  ];

  @property({ attribute: false }) run!: RunState;
  @property({ attribute: false }) hoverLink!: HoverLink;
  private norms!: LineModel;
  private ratios!: LineModel;

  /** Most steps are not measured and change nothing here. */
  protected override willUpdate(changed: PropertyValues<this>) {
    const before = changed.get("run");
    const same =
      before !== undefined &&
      before.start === this.run.start &&
      before.details.length === this.run.details.length;
    if (same) return;
    this.norms = gradientNorms(this.run);
    this.ratios = updateRatios(this.run);
  }

  override render() {
    const { start } = this.run;
    const off = start?.config.statistics.detailsEverySteps === 0;
    const empty = (what: string) => (off ? "This run does not measure gradients." : what);
    const steps = start?.stepsPerEpoch ?? 1;
    return html`<normlens-line-chart
        .model=${this.norms}
        .hoverLink=${this.hoverLink}
        .xPerEpoch=${steps}
        empty=${empty("How long the gradient of each layer’s weights is, step by step.")}
      ></normlens-line-chart>
      <normlens-line-chart
        .model=${this.ratios}
        .hoverLink=${this.hoverLink}
        .xPerEpoch=${steps}
        empty=${empty("What a step changes in each layer’s weights, against their size.")}
      ></normlens-line-chart>`;
  }
}
