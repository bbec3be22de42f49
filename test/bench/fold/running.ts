import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readModelAsNeeded } from "../../../src/formats/onnx/read.ts";
import { saveModel } from "../../../src/formats/onnx/write.ts";
import { foldBatchNorm } from "../../../src/passes/fold-batch-norm.ts";

export interface Round {
  readonly copySeconds: number;
  readonly foldSeconds: number;
}

/** Folds a file to a file, and copies it by reading and writing, in turn; the first rounds warm up. */
export async function foldAndCopy(
  model: string,
  folder: string,
  rounds: number,
): Promise<readonly Round[]> {
  const measured: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    const copySeconds = await seconds(async () => {
      await writeFile(join(folder, "copy.onnx"), await readFile(model));
    });
    const foldSeconds = await seconds(async () => {
      const { graph } = foldBatchNorm.apply(await readModelAsNeeded(model), undefined, {});
      await saveModel(graph, join(folder, "folded.onnx"));
    });
    measured.push({ copySeconds, foldSeconds });
  }
  return measured;
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
