/**
 * The seam to whatever executes an ONNX graph. Everything above it knows tensors of these types
 * only, so an engine can be exchanged without touching passes or training.
 */

export type ElementArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | BigUint64Array;

/** A dense tensor, row-major. `type` is ONNX Runtime's word: "float32", "int64", "bool", … */
export interface RuntimeTensor {
  readonly type: RuntimeType;
  readonly dims: readonly number[];
  readonly data: ElementArray;
}

export type RuntimeType =
  | "float32"
  | "float64"
  | "float16"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "bool";

export type Tensors = Readonly<Record<string, RuntimeTensor>>;

export interface SessionOptions {
  /** Rewrites ONNX Runtime may make; "disabled" is the reference for comparisons. */
  readonly optimization?: "disabled" | "basic" | "extended" | "all";
  /** Threads inside one operator; all physical cores when left out. */
  readonly threads?: number;
  /**
   * Whether the values between nodes lie in one block planned ahead, as they do when this is left
   * out: quicker where they fit into a processor's cache, but the first run's pieces are kept as well.
   */
  readonly plannedMemory?: boolean;
}

/** One loaded graph. Not re-entrant: await each run before the next. */
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs the graph.
   *
   * @param outputs names to compute, or preallocated tensors that are filled in place (never one
   *   that is also fed); all outputs when left out.
   */
  run(
    feeds: Tensors,
    outputs?: readonly string[] | Tensors,
  ): Promise<Record<string, RuntimeTensor>>;
  release(): Promise<void>;
}

export interface Runtime {
  readonly name: "onnxruntime-node" | "onnxruntime-web";
  readonly version: string;
  /** Why this runtime was chosen, in one sentence for the user. */
  readonly reason: string;
  /** @throws an error with ONNX Runtime's own message when the model cannot be loaded. */
  createSession(model: Uint8Array, options?: SessionOptions): Promise<Session>;
}
