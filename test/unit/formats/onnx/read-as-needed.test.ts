import { appendFile, copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModel, readModelAsNeeded } from "../../../../src/formats/onnx/read.ts";
import { encodeModel, saveModel } from "../../../../src/formats/onnx/write.ts";
import { DataType } from "../../../../src/graph/data-type.ts";
import type { Graph } from "../../../../src/graph/graph.ts";
import { foldBatchNorm } from "../../../../src/passes/fold-batch-norm.ts";
import { FIXTURES, temporaryFolder } from "../../../support/repository.ts";
import { convModel } from "../../passes/conv-models.ts";

const ARCHITECTURES = join(FIXTURES, "..", "architectures");

/** A weight of 2.4 MB: more than is written at once, and no multiple of it. */
const LARGE = convModel({
  axes: 2,
  groups: 1,
  inputsPerGroup: 257,
  outputsPerGroup: 259,
  kernel: 3,
  size: 4,
  pad: 1,
  bias: true,
  dataType: DataType.FLOAT,
  epsilon: 1e-5,
  seed: 1,
});

function fold(graph: Graph): Graph {
  return foldBatchNorm.apply(graph, undefined, {}).graph;
}

function tensors(graph: Graph) {
  return new Map(
    [...graph.initializers].map(([name, { data }]) => [name, Buffer.from(data.read())]),
  );
}

describe("a file that is read as needed", () => {
  const names = ["resnet18", "mobilenetv2", "densenet", "efficientnet"];
  test.each(names)("%s folds to the same bytes as one read whole", async (name) => {
    const file = join(ARCHITECTURES, `${name}.onnx`);
    const target = join(await temporaryFolder(), "folded.onnx");
    await saveModel(fold(await readModelAsNeeded(file)), target);
    expect(await readFile(target)).toEqual(Buffer.from(encodeModel(fold(await readModel(file)))));
  });

  test("large weights are read, scaled and written in pieces", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, "large.onnx");
    await writeFile(file, encodeModel(LARGE));
    const target = join(folder, "folded.onnx");
    await saveModel(fold(await readModelAsNeeded(file)), target);
    // The model was made in memory, so its file has another order than the file's own fold.
    expect(tensors(await readModel(target))).toEqual(tensors(fold(LARGE)));
  });

  test("may be the target of what is made of it", async () => {
    const file = join(await temporaryFolder(), "resnet18.onnx");
    await copyFile(join(ARCHITECTURES, "resnet18.onnx"), file);
    const expected = encodeModel(fold(await readModel(file)));
    await saveModel(fold(await readModelAsNeeded(file)), file);
    expect(await readFile(file)).toEqual(Buffer.from(expected));
  });

  test("is refused once it has changed, and nothing is written", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, "resnet18.onnx");
    await copyFile(join(ARCHITECTURES, "resnet18.onnx"), file);
    const graph = fold(await readModelAsNeeded(file));
    await appendFile(file, "x");
    await expect(saveModel(graph, join(folder, "folded.onnx"))).rejects.toThrow(
      "resnet18.onnx: the file was changed while it was in use",
    );
    expect(await readdir(folder)).toEqual(["resnet18.onnx"]);
  });

  test("says what readModel says of a file that is cut off, at every length", async () => {
    const folder = await temporaryFolder();
    const whole = await readFile(join(ARCHITECTURES, "resnet18.onnx"));
    const file = join(folder, "cut.onnx");
    for (let length = 0; length < whole.length; length += 4_999) {
      await writeFile(file, whole.subarray(0, length));
      const [expected, found] = await Promise.all(
        [readModel(file), readModelAsNeeded(file)].map((reading) =>
          reading.then(
            () => "read",
            (error: Error) => error.message,
          ),
        ),
      );
      expect(found, `${length} bytes`).toBe(expected);
    }
  });
});
