import { css, html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import "@vscode-elements/elements/dist/vscode-button/index.js";
import { type IconName, icon } from "../elements/icons.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import type { Outcome, OutcomeAction } from "./run-outcome.ts";

const TITLES: Readonly<Record<OutcomeAction, string>> = {
  resumeRun: "Resume",
  saveModel: "Save model…",
  foldAndSave: "Fold and save…",
  applyWeights: "Apply weights",
  exportReport: "Export report",
  smallerLearningRate: "Use a tenth of the learning rate",
};

const ICONS: Readonly<Record<Outcome["tone"], readonly [IconName, string]>> = {
  calm: ["info", "information"],
  good: ["pass", "good"],
  warning: ["warning", "warning"],
  problem: ["error", "error"],
};

/** Where the run stands. Always there, so that nothing moves when the run ends. Fires `action`. */
@customElement("normlens-outcome-line")
export class OutcomeLine extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px 12px;
        min-height: 44px;
        padding: 4px 12px;
        border-top: 1px solid var(--line);
        border-bottom: 1px solid var(--line);
      }
      .sentence {
        display: grid;
        grid-template-columns: 16px 1fr;
        gap: 8px;
        flex: 1 1 320px;
        min-width: 0;
        overflow-wrap: anywhere;
        line-height: 1.4;
      }
      .problem {
        color: var(--error);
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 6px;
      }
    `,
  ];

  @property({ attribute: false }) outcome!: Outcome;

  override render() {
    const { outcome } = this;
    const [name, kind] = ICONS[outcome.tone];
    return html`<div class="sentence">
        ${icon(name, kind)}
        <p
          class=${outcome.tone === "problem" ? "problem" : ""}
          role="status"
          aria-live=${outcome.announced ? "polite" : "off"}
        >
          ${outcome.sentence}
        </p>
      </div>
      <div class="actions">
        ${outcome.actions.map(
          (action, index) =>
            html`<vscode-button
              ?secondary=${index > 0}
              @click=${() => this.dispatchEvent(new CustomEvent("action", { detail: action }))}
              >${TITLES[action]}</vscode-button
            >`,
        )}
      </div>`;
  }
}
