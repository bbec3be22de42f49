import { css, html, LitElement, type PropertyValues } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import "@vscode-elements/elements/dist/vscode-button/index.js";
import "@vscode-elements/elements/dist/vscode-checkbox/index.js";
import "@vscode-elements/elements/dist/vscode-option/index.js";
import "@vscode-elements/elements/dist/vscode-single-select/index.js";
import "@vscode-elements/elements/dist/vscode-textfield/index.js";
import type { VscodeSingleSelect } from "@vscode-elements/elements/dist/vscode-single-select/index.js";
import type { VscodeTextfield } from "@vscode-elements/elements/dist/vscode-textfield/index.js";
import { sharedStyles } from "../theme/shared-styles.ts";
import type { Field } from "./field.ts";

export interface FieldChange {
  /** The field's id in its form. */
  readonly id: string;
  readonly value: string;
}

/** One field: label, control, and one line below that is its help or its mistake. */
@customElement("normlens-setup-field")
export class SetupField extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
        padding: 3px 0;
      }
      .line {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 128px;
        align-items: center;
        gap: 8px;
      }
      .data {
        grid-template-columns: minmax(0, 1fr) auto;
      }
      .heading-line {
        display: flex;
        justify-content: space-between;
      }
      .link:disabled {
        color: var(--vscode-disabledForeground);
        cursor: default;
      }
      .label {
        overflow-wrap: anywhere;
      }
      vscode-textfield,
      vscode-single-select {
        width: 100%;
        min-width: 0;
      }
      .below {
        font-size: 0.92em;
        line-height: 1.35;
        color: var(--muted);
        overflow-wrap: anywhere;
      }
      .below.mistake {
        color: var(--error);
      }
    `,
  ];

  @property() fieldId!: string;
  @property({ attribute: false }) field!: Field;
  @property() value = "";
  @property() mistake = "";
  @property({ type: Boolean }) disabled = false;
  @query("vscode-textfield") private text!: VscodeTextfield | null;
  @query("vscode-single-select") private select!: VscodeSingleSelect | null;

  override render() {
    const { field } = this;
    const below = this.mistake || field.help;
    return html`${this.control()}
      <p class="below ${this.mistake ? "mistake" : ""}">${below}</p>`;
  }

  private control() {
    const { field } = this;
    if (field.kind === "box") {
      return html`<vscode-checkbox
        label=${field.label}
        .checked=${this.value === "true"}
        ?disabled=${this.disabled}
        @change=${(event: Event) => this.change(String((event.target as HTMLInputElement).checked))}
      ></vscode-checkbox>`;
    }
    if (field.kind === "data") {
      return html`<div class="heading-line">
          <span class="label">${field.label}</span>
          <button
            class="link"
            aria-label="Preview data"
            ?disabled=${this.disabled || this.mistake !== ""}
            @click=${() => this.rise("preview-data")}
          >
            Preview…
          </button>
        </div>
        <div class="line data">
          ${this.textfield()}
          <vscode-button
            secondary
            ?disabled=${this.disabled}
            @click=${() => this.rise("choose-data")}
            >Choose…</vscode-button
          >
        </div>`;
    }
    return html`<div class="line">
      <span class="label">${field.label}</span>
      ${
        field.kind === "select"
          ? html`<vscode-single-select
              label=${field.label}
              .value=${this.value}
              ?disabled=${this.disabled}
              @change=${(event: Event) => this.change((event.target as HTMLSelectElement).value)}
            >
              ${field.options?.map(
                ([value, label]) =>
                  html`<vscode-option value=${value} ?selected=${value === this.value}
                    >${label}</vscode-option
                  >`,
              )}
            </vscode-single-select>`
          : this.textfield()
      }
    </div>`;
  }

  private textfield() {
    return html`<vscode-textfield
      .label=${this.field.label}
      .value=${this.value}
      ?invalid=${this.mistake !== ""}
      ?disabled=${this.disabled}
      @input=${(event: Event) => this.change((event.target as VscodeTextfield).value)}
    ></vscode-textfield>`;
  }

  private rise(name: "choose-data" | "preview-data") {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true }));
  }

  private change(value: string) {
    this.dispatchEvent(
      new CustomEvent<FieldChange>("field-change", {
        detail: { id: this.fieldId, value },
        bubbles: true,
        composed: true,
      }),
    );
  }

  protected override async updated(_changed: PropertyValues) {
    const { select, text } = this;
    if (select !== null) await this.selectAgain(select);
    if (text !== null) await this.describeInput(text);
  }

  /** A select that got its value before its options were there shows nothing until told again. */
  private async selectAgain(select: VscodeSingleSelect) {
    await select.updateComplete;
    if (select.value !== this.value) select.value = this.value;
  }

  /** The inner input lives in another shadow root, where an id reference cannot reach. */
  private async describeInput(text: VscodeTextfield) {
    await text.updateComplete;
    text.wrappedElement.setAttribute("aria-invalid", String(this.mistake !== ""));
    text.wrappedElement.setAttribute("aria-description", this.mistake || this.field.help);
  }
}
