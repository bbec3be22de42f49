import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import "@vscode-elements/elements/dist/vscode-button/index.js";
import type { RunStatus } from "../../src/protocol/training-page.ts";
import { count, duration } from "../elements/format.ts";
import { pageHeaderStyles } from "../theme/page-styles.ts";
import { sharedStyles } from "../theme/shared-styles.ts";
import { type RunState, secondsLeft, secondsPerEpoch } from "./run-state.ts";

export type RunCommand = "start" | "pause" | "resume" | "stop";

/** What is trained on what, the buttons, and how far it is. Fires `command`. */
@customElement("normlens-run-header")
export class RunHeader extends LitElement {
  static override styles = [
    sharedStyles,
    pageHeaderStyles,
    css`
      header {
        min-height: 42px;
      }
      h1 {
        flex: 1 1 220px;
      }
      h1 span {
        font-size: var(--vscode-font-size);
        font-weight: normal;
      }
      .progress {
        flex: 0 1 auto;
        min-width: 230px;
        font-variant-numeric: tabular-nums;
        text-align: right;
      }
    `,
  ];

  @property() fileName = "";
  @property() data = "";
  @property() status: RunStatus = "idle";
  @property({ attribute: false }) run!: RunState;
  @property({ type: Boolean }) invalid = false;

  override render() {
    const { status } = this;
    const active = status === "running" || status === "paused";
    const idle = status === "idle" || status === "finished" || status === "failed";
    const paused = status === "paused";
    return html`<header>
      <h1>Train ${this.fileName} <span class="muted">on ${this.data}${this.samples()}</span></h1>
      <div class="buttons">
        <vscode-button
          icon="play"
          ?disabled=${!idle || this.invalid}
          title=${this.invalid ? "Correct the marked values first" : nothing}
          @click=${() => this.command("start")}
          >${this.run.stop === undefined ? "Start" : "Start again"}</vscode-button
        >
        <vscode-button
          secondary
          icon=${paused ? "debug-continue" : "debug-pause"}
          ?disabled=${!active}
          @click=${() => this.command(paused ? "resume" : "pause")}
          >${paused ? "Resume" : "Pause"}</vscode-button
        >
        <vscode-button
          secondary
          icon="debug-stop"
          ?disabled=${!active && status !== "starting"}
          @click=${() => this.command("stop")}
          >Stop</vscode-button
        >
      </div>
      <span class="progress">${this.progress()}</span>
    </header>`;
  }

  private samples(): string {
    const { start } = this.run;
    if (start === undefined) return "";
    const { train, validation, test } = start.samples;
    const classes = start.classes === undefined ? "" : ` · ${start.classes} classes`;
    return ` (${count(train + validation + test)}${classes})`;
  }

  private progress(): string {
    const { start, epochs, retrain, retrainEpochs } = this.run;
    if (start === undefined) return "";
    const each = secondsPerEpoch(this.run);
    const rate = (retrainEpochs.at(-1) ?? epochs.at(-1))?.learningRate;
    const left = this.status === "running" ? secondsLeft(this.run) : undefined;
    return [
      `epoch ${count(epochs.length)}/${count(start.config.maxEpochs)}`,
      retrain === undefined
        ? ""
        : `again ${count(retrainEpochs.at(-1)?.step ?? 0)}/${count(retrain.steps)} steps`,
      rate === undefined ? "" : `learning rate ${Number(rate.toPrecision(3))}`,
      each === undefined ? "" : `${duration(each)} per epoch`,
      left === undefined ? "" : `at most ${duration(left)} left`,
    ]
      .filter((part) => part !== "")
      .join(" · ");
  }

  private command(command: RunCommand) {
    this.dispatchEvent(new CustomEvent("command", { detail: command }));
  }
}
