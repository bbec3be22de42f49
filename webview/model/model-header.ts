import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import "@vscode-elements/elements/dist/vscode-button/index.js";
import type { TechniqueDescription } from "../../src/protocol/engine.ts";
import type { ModelReport } from "../../src/protocol/reports.ts";
import { amount, bytes, counted, valueType } from "../elements/format.ts";
import "../elements/menu-button.ts";
import type { MenuItem } from "../elements/menu-button.ts";
import { pageHeaderStyles } from "../theme/page-styles.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import { request } from "./model-events.ts";
import { NO_TECHNIQUES, type Techniques } from "./page-state.ts";

const FOLD_ITEMS: readonly MenuItem[] = [
  { id: "selected", label: "Fold selected…" },
  { id: "preview", label: "Preview fold" },
];

/** How the formats write themselves. */
const FORMAT_NAMES: Readonly<Record<string, string>> = {
  onnx: "ONNX",
  tfjs: "TensorFlow.js layers",
  "tfjs-graph": "TensorFlow.js graph",
  keras: "Keras",
  "keras-h5": "Keras HDF5",
};

/** File name, what the file is, and what can be done with all of it. */
@customElement("normlens-model-header")
export class ModelHeader extends LitElement {
  static override styles = [
    sharedStyles,
    pageHeaderStyles,
    css`
      header {
        padding-bottom: 6px;
        min-height: 60px;
      }
      .facts {
        flex: 1 1 320px;
        min-width: 0;
      }
      .facts > div {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        gap: 0 14px;
        min-height: 20px;
      }
      .values {
        overflow-wrap: anywhere;
      }
      .split {
        display: flex;
        gap: 1px;
      }
    `,
  ];

  @property() fileName = "";
  @property({ type: Number }) bytes = 0;
  @property({ attribute: false }) report: ModelReport | undefined;
  @property({ attribute: false }) techniques: Techniques = NO_TECHNIQUES;
  @property({ type: Boolean }) dirty = false;
  @property({ type: Boolean }) busy = false;

  override render() {
    const { report } = this;
    const folds = this.foldable;
    return html`<header>
      <div class="facts">
        <div>
          <h1>${this.fileName}</h1>
          <span class="muted">${this.facts()}</span>
        </div>
        <div class="values">
          ${
            report === undefined
              ? nothing
              : html`<span>${report.inputs.map((value) => this.value(value.name, valueType(value)))}</span>
                  <span class="muted" aria-label="to">→</span>
                  <span>${report.outputs.map((value) => this.value(value.name, valueType(value)))}</span>`
          }
        </div>
      </div>
      <div class="buttons">
        <span class="split">
        <vscode-button
          ?disabled=${this.busy || folds === 0}
          title=${folds === 0 ? "No BatchNormalization node here can be folded" : `Fold ${counted(folds, "BatchNormalization node")} into their neighbours`}
          @click=${() => request(this, { type: "apply", request: { pass: "fold-batch-norm" } })}
          >Fold all</vscode-button
        >
        <normlens-menu-button
          primary
          text=""
          label="More ways to fold"
          ?disabled=${this.busy || folds === 0}
          .items=${FOLD_ITEMS}
          @choose=${(event: CustomEvent<string>) => this.chooseFold(event.detail)}
        ></normlens-menu-button>
        </span>
        <normlens-menu-button
          text="Techniques"
          label="Techniques"
          ?disabled=${this.busy || report === undefined || this.items.length === 0}
          .items=${this.items}
          @choose=${(event: CustomEvent<string>) => this.chooseTechnique(event.detail)}
        ></normlens-menu-button>
        <vscode-button
          secondary
          ?disabled=${this.busy || report === undefined}
          @click=${() => request(this, { type: "train" })}
          >Train…</vscode-button
        >
        <vscode-button
          secondary
          ?disabled=${report === undefined}
          @click=${() => request(this, { type: "openAsText" })}
          >Open as Text</vscode-button
        >
      </div>
    </header>`;
  }

  /** Passes change the model, analyses only look at it; ids may be the same. */
  private get items(): readonly MenuItem[] {
    const { passes, analyses } = this.techniques;
    const entry =
      (kind: string, group: string) =>
      ({ id, title, description }: TechniqueDescription) => ({
        id: `${kind} ${id}`,
        label: `${title}…`,
        group,
        description,
      });
    return [...passes.map(entry("pass", "Change")), ...analyses.map(entry("analysis", "Analyze"))];
  }

  private chooseTechnique(item: string) {
    const [kind, id = ""] = item.split(" ");
    if (kind === "pass") request(this, { type: "customize", request: { pass: id } });
    else request(this, { type: "analyze", analysis: id });
  }

  private chooseFold(item: string) {
    const type = item === "preview" ? "preview" : "customize";
    request(this, { type, request: { pass: "fold-batch-norm" } });
  }

  private get foldable(): number {
    const findings = this.report?.findings ?? [];
    return findings.filter((finding) => finding.fix?.pass === "fold-batch-norm").length;
  }

  private facts(): string {
    const { report } = this;
    if (report === undefined) return this.bytes > 0 ? bytes(this.bytes) : "";
    return [
      FORMAT_NAMES[report.format] ?? report.format,
      // Other formats are read into a graph of some opset, which their files know nothing of.
      report.format === "onnx" && report.opset > 0 ? `opset ${report.opset}` : "",
      report.producer,
      `${amount(report.parameters)} parameters`,
      bytes(report.bytes),
      this.dirty ? "edited" : "",
    ]
      .filter((fact) => fact !== "")
      .join(" · ");
  }

  private value(name: string, type: string) {
    return html`<span class="value">${name} <span class="muted">${type}</span> </span>`;
  }
}
