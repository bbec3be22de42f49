import { createRequire } from "node:module";
import type * as ort from "onnxruntime-common";
import type {
  ElementArray,
  Runtime,
  RuntimeTensor,
  Session,
  SessionOptions,
  Tensors,
} from "./runtime.ts";

type OrtModule = typeof ort;

/** Set to "wasm" to run without the native library, as on platforms that have none. */
const RUNTIME_VARIABLE = "NORMLENS_RUNTIME";

let loading: Promise<Runtime> | undefined;

/** ONNX Runtime, native where it loads and WebAssembly otherwise; loaded once per process. */
export function loadRuntime(): Promise<Runtime> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Runtime> {
  if (process.env[RUNTIME_VARIABLE] === "wasm") {
    return loadWasm(`WebAssembly was asked for by ${RUNTIME_VARIABLE}=wasm.`);
  }
  try {
    const module = createRequire(import.meta.url)("onnxruntime-node") as OrtModule;
    const version = module.env.versions.node ?? module.env.versions.common;
    return asRuntime(module, "onnxruntime-node", version, "The native library loaded.");
  } catch (error) {
    const cause = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    return loadWasm(`WebAssembly is used because the native library did not load: ${cause}`);
  }
}

async function loadWasm(reason: string): Promise<Runtime> {
  const module = (await import("onnxruntime-web")) as unknown as OrtModule;
  const version = module.env.versions.web ?? module.env.versions.common;
  return asRuntime(module, "onnxruntime-web", version, reason);
}

function asRuntime(
  module: OrtModule,
  name: Runtime["name"],
  version: string,
  reason: string,
): Runtime {
  return {
    name,
    version,
    reason,
    createSession: async (model, options = {}) => {
      if (name === "onnxruntime-web" && options.threads !== undefined) {
        module.env.wasm.numThreads = options.threads;
      }
      const session = await module.InferenceSession.create(model, sessionOptions(name, options));
      return asSession(module, name, session);
    },
  };
}

/**
 * Sequential execution with the arena on, and spinning stopped between runs: idle sessions
 * otherwise keep their threads busy and steal cores from the one that works.
 */
function sessionOptions(
  name: Runtime["name"],
  options: SessionOptions,
): ort.InferenceSession.SessionOptions {
  const native = name === "onnxruntime-node";
  return {
    graphOptimizationLevel: options.optimization ?? "all",
    executionMode: "sequential",
    enableCpuMemArena: true,
    enableMemPattern: options.plannedMemory ?? true,
    // Errors are thrown as well: the log would put them on stderr a second time, in lines of its own.
    logSeverityLevel: 4,
    executionProviders: [native ? "cpu" : "wasm"],
    ...(native && options.threads !== undefined ? { intraOpNumThreads: options.threads } : {}),
    ...(native ? { extra: { session: { force_spinning_stop: "1" } } } : {}),
  };
}

function asSession(
  module: OrtModule,
  name: Runtime["name"],
  session: ort.InferenceSession,
): Session {
  // Training feeds the same tensors at every step.
  const wrapped = new WeakMap<RuntimeTensor, ort.Tensor>();
  const wrap = (tensor: RuntimeTensor) => {
    const known = wrapped.get(tensor);
    if (known !== undefined) return known;
    const { type, data, dims } = tensor;
    const made = new module.Tensor(type as "float32", data as Float32Array, dims);
    wrapped.set(tensor, made);
    return made;
  };
  const wrapAll = (tensors: Tensors) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, wrap(tensor)]));
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    run: async (feeds, outputs) => {
      if (isNameList(outputs)) return unwrapAll(await session.run(wrapAll(feeds), outputs));
      if (outputs === undefined) return unwrapAll(await session.run(wrapAll(feeds)));
      if (name === "onnxruntime-node") {
        return unwrapAll(await session.run(wrapAll(feeds), wrapAll(outputs)));
      }
      // onnxruntime-web 1.30 takes a preallocated tensor but leaves its result in WebAssembly memory.
      const results = unwrapAll(await session.run(wrapAll(feeds), Object.keys(outputs)));
      for (const [output, target] of Object.entries(outputs)) copyInto(target, results[output]);
      return results;
    },
    release: () => session.release(),
  };
}

function isNameList(
  outputs: readonly string[] | Tensors | undefined,
): outputs is readonly string[] {
  return Array.isArray(outputs);
}

function copyInto(target: RuntimeTensor, source: RuntimeTensor | undefined): void {
  if (source === undefined) return;
  (target.data as Float32Array).set(source.data as Float32Array);
}

function unwrapAll(results: ort.InferenceSession.OnnxValueMapType): Record<string, RuntimeTensor> {
  return Object.fromEntries(
    Object.entries(results).map(([name, tensor]) => [name, unwrap(tensor as ort.Tensor)]),
  );
}

function unwrap(tensor: ort.Tensor): RuntimeTensor {
  return {
    type: tensor.type as RuntimeTensor["type"],
    dims: tensor.dims,
    data: tensor.data as ElementArray,
  };
}
