import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { TechniqueDescription } from "../../src/protocol/engine.ts";
import { counted } from "../elements/format.ts";
import { icon } from "../elements/icons.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import type { DraftErrors } from "./config-draft.ts";
import type { PassDraft, PassErrors } from "./pass-draft.ts";
import "./pass-steps.ts";
import "./setup-field.ts";
import { SECTIONS, type SectionId } from "./field.ts";
import { type Draft, FIELD_IDS, fieldOf, isShown } from "./setup-fields.ts";

/** All options of a run in sections that open and close. Fires `sections` when one does, and `steps`. */
@customElement("normlens-setup-form")
export class SetupForm extends LitElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: block;
        padding: 0 12px 12px;
      }
      details {
        border-top: 1px solid var(--line);
        padding: 2px 0;
      }
      details:first-of-type {
        border-top: 0;
      }
      summary {
        display: flex;
        align-items: center;
        gap: 4px;
        line-height: 24px;
        cursor: pointer;
        list-style: none;
      }
      summary > .brief {
        flex: 1;
        text-align: right;
      }
      details[open] > summary > .brief {
        visibility: hidden;
      }
      details[open] > summary > .icon {
        transform: rotate(90deg);
      }
      .wrong {
        color: var(--error);
      }
      .fields {
        padding: 0 0 6px 20px;
      }
    `,
  ];

  @property({ attribute: false }) draft!: Draft;
  @property({ attribute: false }) errors: DraftErrors = {};
  @property({ attribute: false }) steps: readonly PassDraft[] = [];
  @property({ attribute: false }) stepErrors: PassErrors = [];
  /** What the engine offers as steps. */
  @property({ attribute: false }) techniques: readonly TechniqueDescription[] = [];
  @property({ attribute: false }) open: ReadonlySet<SectionId> = new Set();
  @property({ type: Boolean }) disabled = false;

  override render() {
    return SECTIONS.map(({ id, title }) => this.section(id, title));
  }

  private section(section: SectionId, title: string) {
    const ids = FIELD_IDS.filter(
      (id) => fieldOf(id).section === section && isShown(id, this.draft),
    );
    const wrong =
      section === "before"
        ? this.stepErrors.reduce((sum, errors) => sum + Object.keys(errors).length, 0)
        : ids.filter((id) => this.errors[id] !== undefined).length;
    return html`<details
      ?open=${this.open.has(section)}
      @toggle=${(event: Event) => this.toggle(section, (event.target as HTMLDetailsElement).open)}
    >
      <summary>
        ${icon("chevron-right")}
        <span class="heading">${title}</span>
        ${
          wrong > 0
            ? html`<span class="wrong">${counted(wrong, "mistake")}</span>`
            : html`<span class="brief muted clip">${this.brief(section)}</span>`
        }
      </summary>
      <div class="fields">
        ${section === "before" ? this.passSteps() : nothing}
        ${ids.map(
          (id) =>
            html`<normlens-setup-field
              fieldId=${id}
              .field=${fieldOf(id)}
              .value=${this.draft[id]}
              .mistake=${this.errors[id] ?? ""}
              ?disabled=${this.disabled}
            ></normlens-setup-field>`,
        )}
      </div>
    </details>`;
  }

  private passSteps() {
    return html`<normlens-pass-steps
      .steps=${this.steps}
      .techniques=${this.techniques}
      .errors=${this.stepErrors}
      ?disabled=${this.disabled}
      @steps=${({ detail }: CustomEvent<readonly PassDraft[]>) => this.dispatchEvent(new CustomEvent("steps", { detail }))}
    ></normlens-pass-steps>`;
  }

  /** What a closed section holds. */
  private brief(section: SectionId): string {
    const { draft } = this;
    switch (section) {
      case "data":
        return `${draft.data.split(/[\\/]/).at(-1)} · seed ${draft.seed}`;
      case "before":
        return this.steps.length === 0
          ? "nothing"
          : this.steps.map(({ pass }) => pass.replaceAll("-", " ")).join(", ");
      case "training":
        return `batch ${draft.batchSize} · ${draft.maxEpochs} epochs`;
      case "optimizer":
        return `${draft.optimizer} ${draft.learningRate}`;
      case "schedule":
        return draft.rateWarmUpEpochs === "0" ? draft.schedule : `${draft.schedule}, warm-up`;
      case "regularization":
        return `L2 ${draft.l2}`;
      case "earlyStopping":
        return draft.earlyStopping === "true" ? `patience ${draft.patience}` : "off";
      case "watching":
        return draft.values;
      case "machine":
        return [draft.checkpointEpochs, draft.checkpointSteps, draft.checkpointLate].every(
          (every) => every === "0",
        )
          ? "no checkpoints"
          : "checkpoints on";
    }
  }

  private toggle(section: SectionId, open: boolean) {
    if (open === this.open.has(section)) return;
    const sections = new Set(this.open);
    if (open) sections.add(section);
    else sections.delete(section);
    this.dispatchEvent(new CustomEvent("sections", { detail: sections }));
  }
}
