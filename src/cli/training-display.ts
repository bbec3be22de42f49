import cliProgress from "cli-progress";
import { fromJsonNumber, type JsonNumber } from "../protocol/reports.ts";
import type { TrainingEvent } from "../protocol/training.ts";
import { print } from "./command.ts";

/** Shows a run to a person: a bar a run on stderr when it is a terminal, a line an epoch otherwise. */
export class TrainingDisplay {
  #again = false;
  readonly #bar: cliProgress.SingleBar | undefined;

  constructor() {
    if (process.stderr.isTTY) {
      this.#bar = new cliProgress.SingleBar({
        format: "epoch {value}/{total} {bar} {text}",
        stream: process.stderr,
        hideCursor: true,
      });
    }
  }

  show(event: TrainingEvent): void {
    switch (event.event) {
      case "start": {
        const { train, validation, test } = event.samples;
        print(`Training on ${train} samples, ${validation} for validation, ${test} for the test.`);
        for (const note of event.notes ?? []) print(`Note: ${note}`);
        this.#bar?.start(event.config.maxEpochs, 0, { text: "" });
        return;
      }
      case "step":
        return;
      case "epoch": {
        const text = epochText(event);
        if (this.#bar !== undefined) this.#bar.update(event.epoch, { text });
        else print(`epoch ${event.epoch}: ${text}`);
        return;
      }
      case "retrain":
        this.#again = true;
        this.#bar?.stop();
        print(
          `${event.sentence} Training again on ${event.samples} samples, for the ${event.steps} steps of epoch ${event.bestEpoch}.`,
        );
        this.#bar?.start(Math.ceil(event.steps / event.stepsPerEpoch), 0, { text: "" });
        return;
      case "retrainEpoch": {
        const text = trainedText(event);
        if (this.#bar !== undefined) this.#bar.update(event.epoch, { text });
        else print(`again, epoch ${event.epoch}: ${text}`);
        return;
      }
      case "stop":
        this.#bar?.stop();
        print(event.sentence);
        return;
      case "done":
        if (event.testLoss !== undefined) {
          const accuracy = accuracyText("accuracy", event.testAccuracy);
          print(`Test loss ${short(event.testLoss)}${accuracy}.`);
        }
        print(
          `${this.#again ? "Model" : "Best model"}: ${event.model}; record of the run: ${event.run}`,
        );
    }
  }
}

type EpochEvent = Extract<TrainingEvent, { event: "epoch" }>;

function epochText(event: EpochEvent): string {
  const accuracy = accuracyText("accuracy", event.validationAccuracy);
  return `${trainedText(event)}, validation ${short(event.validationLoss)}${accuracy}${event.best ? " (best)" : ""}`;
}

function trainedText(event: Pick<EpochEvent, "trainLoss" | "klLoss" | "penalty">): string {
  const noise = event.klLoss === undefined ? "" : ` + KL ${short(event.klLoss)}`;
  const penalty = event.penalty === undefined ? "" : ` + penalty ${short(event.penalty)}`;
  return `train ${short(event.trainLoss)}${noise}${penalty}`;
}

function accuracyText(label: string, accuracy: JsonNumber | undefined): string {
  return accuracy === undefined
    ? ""
    : `, ${label} ${(100 * fromJsonNumber(accuracy)).toFixed(1)} %`;
}

function short(value: JsonNumber): string {
  return fromJsonNumber(value).toPrecision(4);
}
