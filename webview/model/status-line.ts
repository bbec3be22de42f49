import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import "@vscode-elements/elements/dist/vscode-progress-bar/index.js";
import { icon } from "../elements/icons.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import { request } from "./model-events.ts";

/** The page's last line: what was done, or what is being done and how to stop it. */
@customElement("normlens-status-line")
export class StatusLine extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
        position: relative;
        border-top: 1px solid var(--line);
        background: var(--vscode-editor-background);
      }
      div {
        display: flex;
        align-items: center;
        gap: 8px;
        min-height: 24px;
        padding: 2px 12px;
      }
      .text {
        overflow-wrap: anywhere;
      }
      .problem .text {
        color: var(--error);
      }
      vscode-progress-bar {
        position: absolute;
        top: -1px;
        left: 0;
        right: 0;
      }
    `,
  ];

  @property() text = "";
  @property({ type: Boolean }) problem = false;
  @property({ attribute: false }) busy:
    | { readonly message: string; readonly fraction?: number }
    | undefined;

  override render() {
    const { busy } = this;
    return html`${
      busy === undefined
        ? nothing
        : html`<vscode-progress-bar
              .ariaLabel=${busy.message}
              .value=${busy.fraction === undefined ? undefined : busy.fraction * 100}
            ></vscode-progress-bar>`
    }
      <div class=${this.problem && busy === undefined ? "problem" : ""}>
        ${this.problem && busy === undefined ? icon("error", "error") : nothing}
        <span class="text" role="status" aria-live="polite">${busy?.message ?? this.text}</span>
        ${
          busy === undefined
            ? nothing
            : html`<button class="link" @click=${() => request(this, { type: "cancel" })}>Cancel</button>`
        }
      </div>`;
  }
}
