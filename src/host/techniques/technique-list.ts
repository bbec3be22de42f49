import * as vscode from "vscode";
import type { EngineResult, TechniqueDescription } from "../../protocol/engine.ts";
import type { EngineClient } from "../engine/engine-client.ts";

type Techniques = EngineResult<"techniques">;

/** The engine's passes and analyses, asked for once. */
export class TechniqueList {
  readonly #engine: EngineClient;
  #known: Promise<Techniques> | undefined;

  constructor(engine: EngineClient) {
    this.#engine = engine;
  }

  all(): Promise<Techniques> {
    const known = this.#known ?? this.#engine.request("techniques", {});
    this.#known = known;
    known.catch(() => {
      this.#known = undefined;
    });
    return known;
  }

  async pass(id: string): Promise<TechniqueDescription> {
    return found((await this.all()).passes, id);
  }

  async analysis(id: string): Promise<TechniqueDescription> {
    return found((await this.all()).analyses, id);
  }
}

function found(techniques: readonly TechniqueDescription[], id: string): TechniqueDescription {
  const technique = techniques.find((each) => each.id === id);
  if (technique !== undefined) return technique;
  throw new Error(vscode.l10n.t("This version of NormLens has no technique {0}.", id));
}
