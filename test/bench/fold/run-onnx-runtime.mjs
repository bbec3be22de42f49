import { InferenceSession } from "onnxruntime-node";

/** `node run-onnx-runtime.mjs INPUT OUTPUT`: what ONNX Runtime's optimizer writes, file to file. */
const [input, optimizedModelFilePath] = process.argv.slice(2);
await InferenceSession.create(input, {
  graphOptimizationLevel: "extended",
  optimizedModelFilePath,
  logSeverityLevel: 3,
});
