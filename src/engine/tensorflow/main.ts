import { serve } from "../serve.ts";
import { tensorFlowMethods } from "./methods.ts";

/**
 * The TensorFlow process: a child of the engine process or of the command line. The library is large,
 * keeps its memory, and takes the process with it where it fails.
 */
serve(tensorFlowMethods());

// Ctrl-C reaches every process of a terminal; the command line's own asks for an orderly end.
process.on("SIGINT", () => undefined);
