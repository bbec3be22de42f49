import { css, html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { TechniqueDescription } from "../../src/protocol/engine.ts";
import { type IconName, icon } from "../elements/icons.ts";
import type { MenuButton } from "../elements/menu-button.ts";
import "../elements/menu-button.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import {
  fieldOfOption,
  newPassDraft,
  optionText,
  type PassDraft,
  type PassErrors,
} from "./pass-draft.ts";
import type { FieldChange } from "./setup-field.ts";
import "./setup-field.ts";
import type { Field } from "./field.ts";

const PLACES: Field = {
  section: "before",
  label: "Places",
  kind: "text",
  help: "Names of nodes between commas; empty for all.",
};

/** The passes before training: add, remove, order, options. Fires `steps` with the new list. */
@customElement("normlens-pass-steps")
export class PassSteps extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
      }
      .help {
        color: var(--muted);
        line-height: 1.35;
      }
      ol {
        list-style: none;
        margin: 0;
        padding: 0;
      }
      li {
        border-top: 1px solid var(--line);
        padding: 4px 0;
        margin-top: 4px;
      }
      .title {
        display: flex;
        align-items: center;
        gap: 2px;
      }
      h2 {
        flex: 1;
        font: inherit;
        font-weight: 600;
        min-width: 0;
        overflow-wrap: anywhere;
      }
      .tool:disabled {
        opacity: 0.4;
      }
      .mistake {
        color: var(--error);
      }
      normlens-menu-button {
        display: block;
        margin-top: 6px;
      }
    `,
  ];

  @property({ attribute: false }) steps: readonly PassDraft[] = [];
  @property({ attribute: false }) techniques: readonly TechniqueDescription[] = [];
  @property({ attribute: false }) errors: PassErrors = [];
  @property({ type: Boolean }) disabled = false;

  override render() {
    const items = this.techniques.map(({ id, title, description }) => ({
      id,
      label: title,
      description,
    }));
    return html`<p class="help">
        Change the model before it is trained, in this order. What measures, measures on the training
        part of the data.
      </p>
      <ol role="list">
        ${this.steps.map((step, place) => this.step(step, place))}
      </ol>
      <normlens-menu-button
        text="Add pass"
        label="Add a pass before training"
        ?disabled=${this.disabled || items.length === 0}
        .items=${items}
        @choose=${({ detail }: CustomEvent<string>) => this.change([...this.steps, newPassDraft(detail)])}
      ></normlens-menu-button>`;
  }

  private step(step: PassDraft, place: number) {
    const technique = this.techniques.find(({ id }) => id === step.pass);
    const title = technique?.title ?? step.pass;
    const mistake = this.errors[place]?.[""];
    const last = place === this.steps.length - 1;
    return html`<li
      @field-change=${(event: CustomEvent<FieldChange>) => this.onField(event, step, place)}
    >
      <div class="title">
        <h2>${place + 1}. ${title}</h2>
        ${this.tool("arrow-up", `Move ${title} up`, place === 0, () => this.move(place, place - 1))}
        ${this.tool("arrow-down", `Move ${title} down`, last, () => this.move(place, place + 1))}
        ${this.tool("close", `Remove ${title}`, false, () => this.drop(place))}
      </div>
      <p class=${mistake === undefined ? "help" : "mistake"}>${mistake ?? technique?.description}</p>
      ${technique?.options.map(
        (option) =>
          html`<normlens-setup-field
            fieldId=${option.name}
            .field=${fieldOfOption(option)}
            .value=${optionText(step, option)}
            .mistake=${this.errors[place]?.[option.name] ?? ""}
            ?disabled=${this.disabled}
          ></normlens-setup-field>`,
      )}
      <normlens-setup-field
        fieldId=""
        .field=${PLACES}
        .value=${step.sites}
        ?disabled=${this.disabled}
      ></normlens-setup-field>
    </li>`;
  }

  private tool(name: IconName, label: string, unavailable: boolean, act: () => void) {
    return html`<button
      class="tool"
      aria-label=${label}
      title=${label}
      ?disabled=${this.disabled || unavailable}
      @click=${act}
    >
      ${icon(name)}
    </button>`;
  }

  /** The event is this list's own: the form around it has fields of other names. */
  private onField(event: CustomEvent<FieldChange>, step: PassDraft, place: number) {
    event.stopPropagation();
    const { id, value } = event.detail;
    const changed =
      id === ""
        ? { ...step, sites: value }
        : { ...step, options: { ...step.options, [id]: value } };
    this.change(this.steps.with(place, changed));
  }

  private move(from: number, to: number) {
    const moved = this.steps[from];
    if (moved !== undefined) this.change(this.steps.toSpliced(from, 1).toSpliced(to, 0, moved));
  }

  private async drop(place: number) {
    this.change(this.steps.toSpliced(place, 1));
    await this.updateComplete;
    // The button that had the focus is gone.
    this.renderRoot.querySelector<MenuButton>("normlens-menu-button")?.focus();
  }

  private change(steps: readonly PassDraft[]) {
    this.dispatchEvent(new CustomEvent("steps", { detail: steps }));
  }
}
