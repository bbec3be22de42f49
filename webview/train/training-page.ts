import { html, LitElement, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { DEFAULT_TRAINING_CONFIG } from "../../src/protocol/default-training-config.ts";
import type { TechniqueDescription } from "../../src/protocol/engine.ts";
import type { TrainingConfig } from "../../src/protocol/training.ts";
import type {
  FromTrainingPage,
  KeptModel,
  RunStatus,
  ToTrainingPage,
} from "../../src/protocol/training-page.ts";
import { HoverLink } from "../charts/hover-link.ts";
import { icon } from "../elements/icons.ts";
import { answerEvents } from "../elements/page-events.ts";
import { connectHost } from "../host.ts";
import { noticeStyles } from "../theme/notice-styles.ts";
import { pageStyles } from "../theme/page-styles.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import "./activations-panel.ts";
import { type Checked, checkDraft, draftOf } from "./config-draft.ts";
import type { CurveLook } from "./curves-panel.ts";
import "./curves-panel.ts";
import "./outcome-line.ts";
import { checkPassDrafts, type PassDraft, type PassErrors, passDraftsOf } from "./pass-draft.ts";
import type { RunCommand } from "./run-header.ts";
import "./run-header.ts";
import type { SectionId } from "./field.ts";
import "./gradients-panel.ts";
import { type OutcomeAction, outcomeOf } from "./run-outcome.ts";
import { applyEvents, NO_RUN, type RunState } from "./run-state.ts";
import type { FieldChange } from "./setup-field.ts";
import type { Draft } from "./setup-fields.ts";
import "./setup-form.ts";
import "./shift-panel.ts";
import { trainingPageStyles } from "./training-page-styles.ts";

function startingWith(config: TrainingConfig): Pick<KeptState, "draft" | "passes"> {
  return { draft: draftOf(config), passes: passDraftsOf(config.passes) };
}

/** What outlives hiding, showing and reloading; the run itself comes from the host again. */
interface KeptState extends KeptModel {
  readonly draft: Draft;
  readonly passes: readonly PassDraft[];
  readonly setupOpen: boolean;
  readonly sections: readonly SectionId[];
  readonly look: CurveLook;
  readonly activationLayer: string;
  readonly shiftLayer: string;
}

/** The training panel's page. It alone talks with the host; its parts fire events. */
@customElement("normlens-training-page")
export class TrainingPage extends LitElement {
  static override styles = [sharedStyles, pageStyles, noticeStyles, trainingPageStyles];

  @state() private fileName = "";
  @state() private status: RunStatus = "idle";
  @state() private message: string | undefined;
  @state() private techniques: readonly TechniqueDescription[] = [];
  @state() private noticeText = "";
  @state() private run: RunState = NO_RUN;
  @state() private kept: KeptState = {
    model: "",
    draft: draftOf(DEFAULT_TRAINING_CONFIG),
    passes: [],
    setupOpen: true,
    // In a narrow pane the charts stand below the form, which therefore starts short.
    sections: window.innerWidth > 720 ? ["data", "training", "optimizer"] : [],
    look: { logarithmic: false, smoothing: 0 },
    activationLayer: "",
    shiftLayer: "",
  };
  #base: TrainingConfig = DEFAULT_TRAINING_CONFIG;
  #restored = false;
  readonly #hoverLink = new HoverLink();
  readonly #host = connectHost<ToTrainingPage, FromTrainingPage, KeptState>();

  override connectedCallback() {
    super.connectedCallback();
    const kept = this.#host.restore();
    if (kept !== undefined) {
      // What an earlier version kept may lack fields that there are now.
      this.kept = { ...this.kept, ...kept, draft: { ...this.kept.draft, ...kept.draft } };
      this.#restored = true;
    }
    this.#host.listen((message) => this.onMessage(message));
    this.#host.send({ type: "ready" });
    answerEvents(this, this.#host, (sentence) => {
      this.noticeText = sentence;
    });
  }

  private onMessage(message: ToTrainingPage) {
    switch (message.type) {
      case "init":
        this.fileName = message.fileName;
        this.#base = message.config;
        this.keep({
          model: message.model,
          // What was typed here before the page was hidden is newer than the host's configuration.
          ...(this.#restored ? {} : startingWith(message.config)),
        });
        this.run = applyEvents(NO_RUN, message.events);
        this.status = message.status;
        this.message = message.message;
        break;
      case "techniques":
        this.techniques = message.passes;
        break;
      case "events":
        this.run = applyEvents(this.run, message.events);
        break;
      case "status":
        this.status = message.status;
        this.message = message.message;
        break;
      case "data":
        this.keep({ draft: { ...this.kept.draft, data: message.data } });
        break;
      case "notice":
        this.noticeText = message.message;
        break;
    }
  }

  private keep(part: Partial<KeptState>) {
    this.kept = { ...this.kept, ...part };
    this.#host.keep(this.kept);
  }

  private command(command: RunCommand) {
    if (command !== "start") {
      this.#host.send({ type: command });
      return;
    }
    const { checked } = this.checkForm();
    if (!checked.ok) return;
    this.noticeText = "";
    this.#host.send({ type: "start", config: checked.config });
  }

  private previewData() {
    const { checked } = this.checkForm();
    this.noticeText = checked.ok ? "" : "Correct the marked values first.";
    if (checked.ok) this.#host.send({ type: "previewData", config: checked.config });
  }

  /** Fields and passes each have their own mistakes; only without any there is a configuration. */
  private checkForm(): { readonly checked: Checked; readonly stepErrors: PassErrors } {
    const steps = checkPassDrafts(this.kept.passes, this.techniques);
    const fields = checkDraft(this.kept.draft, this.#base);
    if (!steps.ok) {
      const errors = fields.ok ? {} : fields.errors;
      return { checked: { ok: false, errors }, stepErrors: steps.errors };
    }
    if (!fields.ok) return { checked: fields, stepErrors: [] };
    const config = { ...fields.config, passes: steps.passes };
    return { checked: { ok: true, config }, stepErrors: [] };
  }

  private act(action: OutcomeAction) {
    if (action === "smallerLearningRate") {
      const rate = Number((Number(this.kept.draft.learningRate) / 10).toPrecision(6));
      this.keep({ draft: { ...this.kept.draft, learningRate: String(rate) } });
      this.noticeText = `Learning rate set to ${rate}. Start again when ready.`;
    } else {
      this.#host.send({ type: action });
    }
  }

  override render() {
    const { kept } = this;
    const { checked, stepErrors } = this.checkForm();
    const idle = this.status === "idle" || this.status === "finished" || this.status === "failed";
    const outcome = outcomeOf(this.status, this.run, this.fileName, this.message);
    return html`<main class="page ${kept.setupOpen ? "" : "closed"}">
      <normlens-run-header
        .fileName=${this.fileName}
        .data=${kept.draft.data.split(/[\\/]/).at(-1) ?? ""}
        .status=${this.status}
        .run=${this.run}
        ?invalid=${!checked.ok}
        @command=${(event: CustomEvent<RunCommand>) => this.command(event.detail)}
      ></normlens-run-header>
      <normlens-outcome-line
        .outcome=${outcome}
        @action=${(event: CustomEvent<OutcomeAction>) => this.act(event.detail)}
      ></normlens-outcome-line>
      <div class="body">
        <section class="setup" aria-label="Setup">
          <button
            class="setup-title"
            aria-expanded=${kept.setupOpen}
            @click=${() => this.keep({ setupOpen: !kept.setupOpen })}
          >
            ${icon(kept.setupOpen ? "chevron-down" : "chevron-right")}
            <span class="heading">Setup</span>
          </button>
          ${
            kept.setupOpen
              ? html`<normlens-setup-form
                  .draft=${kept.draft}
                  .errors=${checked.ok ? {} : checked.errors}
                  .steps=${kept.passes}
                  .stepErrors=${stepErrors}
                  .techniques=${this.techniques}
                  .open=${new Set(kept.sections)}
                  ?disabled=${!idle}
                  @sections=${(event: CustomEvent<ReadonlySet<SectionId>>) => this.keep({ sections: [...event.detail] })}
                  @steps=${(event: CustomEvent<readonly PassDraft[]>) => this.keep({ passes: event.detail })}
                  @field-change=${({ detail }: CustomEvent<FieldChange>) => this.keep({ draft: { ...kept.draft, [detail.id]: detail.value } })}
                  @preview-data=${() => this.previewData()}
                  @choose-data=${() => this.#host.send({ type: "chooseData" })}
                ></normlens-setup-form>`
              : nothing
          }
        </section>
        <section class="charts" aria-label="Charts">
          <normlens-curves-panel
            .run=${this.run}
            .look=${kept.look}
            .hoverLink=${this.#hoverLink}
            @look=${(event: CustomEvent<CurveLook>) => this.keep({ look: event.detail })}
          ></normlens-curves-panel>
          <normlens-activations-panel
            .run=${this.run}
            .layer=${kept.activationLayer}
            @layer=${(event: CustomEvent<string>) => this.keep({ activationLayer: event.detail })}
          ></normlens-activations-panel>
          <normlens-shift-panel
            .run=${this.run}
            .layer=${kept.shiftLayer}
            .hoverLink=${this.#hoverLink}
            @layer=${(event: CustomEvent<string>) => this.keep({ shiftLayer: event.detail })}
          ></normlens-shift-panel>
          <normlens-gradients-panel
            .run=${this.run}
            .hoverLink=${this.#hoverLink}
          ></normlens-gradients-panel>
        </section>
      </div>
      <p class="notice" role="status">${this.noticeText}</p>
    </main>`;
  }
}
