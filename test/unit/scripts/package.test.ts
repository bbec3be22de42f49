import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { nativeTargets, packagedFiles, type Target } from "../../../scripts/vsix.ts";
import { root } from "../../vscode/harness/paths.ts";

const allowed = [
  /^(CHANGELOG|README|THIRD-PARTY-NOTICES)\.md$/,
  /^(LICENSE|package\.json|package\.nls\.json)$/,
  /^docs\/(techniques\/)?[\w-]+\.md$/,
  /^docs\/techniques\/images\/[\w-]+\.(png|svg)$/,
  /^dist\/(extension\.cjs|cli\.js|engine\.js)$/,
  /^dist\/chunks\/[\w.-]+\.js$/,
  /^dist\/webview\/(codicon|model|report|train)\.(js|css|ttf)$/,
  /^media\//,
  /^node_modules\/onnxruntime-(common|node|web)\//,
];

/** The packager walks all of node_modules: on a busy machine that takes a minute. In milliseconds. */
const SLOW = 180_000;

/** One stands for the other native ones: they differ in their folder of binaries only. */
const tested: Target[] = ["universal", "linux-x64"];

describe.each(tested)("the package for %s", (target) => {
  let files: string[];
  beforeAll(async () => {
    files = await packagedFiles(target);
  }, SLOW);

  test("holds all that runs", () => {
    const needed = ["package.json", "package.nls.json", "README.md", "LICENSE"];
    const built = ["dist/extension.cjs", "dist/engine.js", "dist/cli.js", "dist/webview/model.js"];
    const report = ["dist/webview/report.js", "media/report/template.html"];
    const help = ["docs/techniques/findings.md"];
    expect(files).toEqual(expect.arrayContaining([...needed, ...built, ...report, ...help]));
  });

  test("holds nothing else", () => {
    expect(files.filter((file) => !allowed.some((pattern) => pattern.test(file)))).toEqual([]);
    expect(files.filter((file) => /\.(map|tsx?|py)$/.test(file))).toEqual([]);
  });

  test("holds the native code of its own platform only", () => {
    const folder = `bin/napi-v6/${target.replace("-", "/")}/`;
    const native = files.filter((file) => /\.(node|dll|dylib|so)(\.\d+)*$/.test(file));
    expect(native.filter((file) => !file.includes(folder))).toEqual([]);
    expect(native.length).toBe(target === "universal" ? 0 : 2);
  });

  test("can compute without native code", () => {
    const runtime = "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm";
    expect(files).toContain(runtime);
    expect(files.filter((file) => file.endsWith(".wasm"))).toEqual([runtime]);
  });

  test("stays below its size", async () => {
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(root, file))).size));
    const megabytes = sizes.reduce((sum, size) => sum + size, 0) / 1e6;
    expect(megabytes).toBeLessThan(limitInMegabytes(target));
  });
});

test("every native target has its binaries in the installed onnxruntime-node", () => {
  const folder = join(root, "node_modules", "onnxruntime-node", "bin", "napi-v6");
  const missing = nativeTargets.filter(
    (target) => !existsSync(join(folder, target.replace("-", "/"))),
  );
  expect(missing).toEqual([]);
});

/** Unpacked: 15 MB of WebAssembly, 25 to 46 MB of native runtime, and what is NormLens's own. */
function limitInMegabytes(target: Target): number {
  return target === "universal" ? 30 : 80;
}
