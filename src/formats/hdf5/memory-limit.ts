import type { Module } from "h5wasm";

/** The heap grows by a twentieth more than it has to, and the library has tables and buffers of its own. */
const SLACK_BYTES = 2 ** 27;

/** What of WebAssembly's memories is used here; Node's types have none of them. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

interface WithWasm {
  readonly WebAssembly: { readonly Memory: { readonly prototype: WasmMemory } };
}

/**
 * Bounds what the HDF5 library takes while it reads a file. Texts of any length and compressed chunks
 * tell their sizes only while they are read: a few bytes that say "that text again" or zeros that
 * deflate well fill any memory. The library offers no limit, and its memory never shrinks again, so
 * that it is held where it grows.
 */
export class MemoryLimit {
  #limit = 0;
  #reached = false;

  constructor(
    readonly module: typeof Module,
    readonly fileBytes: number,
  ) {}

  /** Whether something was refused. */
  get reached(): boolean {
    return this.#reached;
  }

  /** Runs what uses the library, which may take as much as the file has bytes. */
  during<Result>(run: () => Result): Result {
    const memory = (globalThis as unknown as WithWasm).WebAssembly.Memory.prototype;
    const { grow } = memory;
    const mayGrow = (own: WasmMemory, pages: number) => this.#mayGrow(own, pages);
    // The library cannot be given a memory, and keeps its own to itself.
    memory.grow = function growBounded(this: WasmMemory, pages: number): number {
      if (!mayGrow(this, pages)) throw new RangeError("the file needs too much memory");
      return grow.call(this, pages);
    };
    try {
      return this.allowing(this.fileBytes, run);
    } finally {
      memory.grow = grow;
    }
  }

  /** @param bytes that run may take above what is taken now. */
  allowing<Result>(bytes: number, run: () => Result): Result {
    const before = this.#limit;
    this.#limit = this.module.HEAPU8.length + bytes + SLACK_BYTES;
    try {
      return run();
    } finally {
      this.#limit = before;
    }
  }

  #mayGrow({ buffer }: WasmMemory, pages: number): boolean {
    if (buffer !== this.module.HEAPU8.buffer) return true;
    const allowed = buffer.byteLength + pages * 65_536 <= this.#limit;
    if (!allowed) this.#reached = true;
    return allowed;
  }
}
