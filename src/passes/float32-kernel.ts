import { FLOAT32_KERNEL } from "./float32-kernel-code.ts";

/** float32-kernel.wat, ready to run: weights of hundreds of megabytes come through here. */
export interface Float32Kernel {
  /** One megabyte, where the values have to be. */
  readonly memory: ArrayBuffer;
  /**
   * Multiplies in place: each product in float64, rounded once.
   *
   * @param start first byte, a multiple of 4, as is end.
   */
  scale(start: number, end: number, factor: number): void;
}

/** The part of WebAssembly that is used; its types come with the DOM's only. */
interface WebAssemblyApi {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

export const float32Kernel: Float32Kernel = instantiated();

function instantiated(): Float32Kernel {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi };
  const module = new WebAssembly.Module(Buffer.from(FLOAT32_KERNEL, "base64"));
  const { memory, scale } = new WebAssembly.Instance(module).exports as {
    readonly memory: { readonly buffer: ArrayBuffer };
    readonly scale: Float32Kernel["scale"];
  };
  return { memory: memory.buffer, scale };
}
