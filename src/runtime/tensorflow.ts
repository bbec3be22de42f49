import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import util from "node:util";
import type * as core from "@tensorflow/tfjs-core";
import type * as layers from "@tensorflow/tfjs-layers";

/** What @tensorflow/tfjs-node exports and NormLens uses: TensorFlow.js with TensorFlow beneath. */
export type TensorFlowModule = typeof core &
  Pick<
    typeof layers,
    | "loadLayersModel"
    | "LayersModel"
    | "layers"
    | "models"
    | "sequential"
    | "input"
    | "model"
    | "regularizers"
    | "constraints"
  >;

export interface TensorFlow {
  readonly tf: TensorFlowModule;
  /** For example "TensorFlow 2.9.1 (tfjs-node 4.22.0)". */
  readonly version: string;
}

export const TENSORFLOW_PACKAGE = "@tensorflow/tfjs-node";

/** Names a folder in whose node_modules the package is, before any other place. */
export const TENSORFLOW_VARIABLE = "NORMLENS_TENSORFLOW";

/**
 * The folder of the package: below the one that the environment variable names, else below the one
 * it was installed into on demand, else where Node finds it from here, as a peer dependency.
 *
 * @param installed the folder of the on-demand installation.
 */
export function findTensorFlow(installed: string): string | undefined {
  const named = process.env[TENSORFLOW_VARIABLE];
  const below = (folder: string) => join(folder, "node_modules", ...TENSORFLOW_PACKAGE.split("/"));
  if (named !== undefined && named !== "") return existing(below(named));
  return existing(below(installed)) ?? peerDependency();
}

function existing(folder: string): string | undefined {
  return existsSync(join(folder, "package.json")) ? folder : undefined;
}

function peerDependency(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${TENSORFLOW_PACKAGE}/package.json`);
    return join(manifest, "..");
  } catch {
    return undefined;
  }
}

interface NodeModule extends TensorFlowModule {
  readonly version: { readonly "tfjs-node": string };
}

/**
 * Loads TensorFlow into this process.
 *
 * @param folder of the package.
 * @throws Error of Node's loader, where the native library does not load.
 */
export function loadTensorFlow(folder: string): TensorFlow {
  // tfjs-node 4.22 calls both at every operation; Node 23 removed the first and announces the other's end.
  const old = util as unknown as Record<string, ((value: unknown) => boolean) | undefined>;
  old.isNullOrUndefined ??= (value) => value === null || value === undefined;
  old.isArray ??= Array.isArray;
  const module = createRequire(join(folder, "package.json"))(folder) as NodeModule;
  // Its notices are for people at a terminal; here every line is read as a warning.
  module.env().set("PROD", true);
  const backend = module.backend() as unknown as { binding?: { TF_Version?: string } };
  const library = backend.binding?.TF_Version ?? "of unknown version";
  return {
    tf: module,
    version: `TensorFlow ${library} (tfjs-node ${module.version["tfjs-node"]})`,
  };
}
