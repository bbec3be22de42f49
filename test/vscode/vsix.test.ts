import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { createVsix, nativeTargets, type Target } from "../../scripts/vsix.ts";
import { launchVsCode, type RunningVsCode } from "./harness/launch.ts";
import { root } from "./harness/paths.ts";
import { test } from "./harness/test.ts";
import { digits, foldAll, openModel } from "./support.ts";

const machine = nativeTargets.filter((target) => target === `${process.platform}-${process.arch}`);
/** This machine's stands for the other native ones: they differ in their folder of binaries only. */
const installable: [Target, string][] = [
  ["universal", "onnxruntime-web"],
  ...machine.map((target): [Target, string] => [target, "onnxruntime-node"]),
];

/** By the names that the packager gives: it changes those of three. */
const allowed = [
  /^(changelog|readme|THIRD-PARTY-NOTICES)\.md$/,
  /^(LICENSE\.txt|package\.json|package\.nls\.json)$/,
  /^docs\/(techniques\/)?[\w-]+\.md$/,
  /^docs\/techniques\/images\/[\w-]+\.(png|svg)$/,
  /^dist\/(extension\.cjs|cli\.js|engine\.js|tensorflow\.js|decode\.js)$/,
  /^dist\/chunks\/[\w.-]+\.js$/,
  /^dist\/webview\/(codicon|data|model|report|train)\.(js|css|ttf)$/,
  /^media\//,
  /^node_modules\/onnxruntime-(common|node|web)\//,
];

describe.each(installable)("the package for %s", (target, runtime) => {
  let folder: string;
  let path: string;
  /** What VS Code unpacks, with the sizes in bytes. */
  let sizes: ReadonlyMap<string, number>;

  // Packaging takes seconds: once for all that is seen.
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "normlens-vsix-"));
    ({ path } = await createVsix(target, folder));
    sizes = await packagedSizes(path);
  });

  afterAll(() => rm(folder, { recursive: true }));

  test("holds all that runs", () => {
    const needed = ["package.json", "package.nls.json", "readme.md", "LICENSE.txt"];
    const entries = [
      "dist/extension.cjs",
      "dist/engine.js",
      "dist/tensorflow.js",
      "dist/cli.js",
      "dist/decode.js",
    ];
    const pages = ["model", "train", "data"].map((page) => `dist/webview/${page}.js`);
    const built = [...entries, ...pages];
    const report = ["dist/webview/report.js", "media/report/template.html"];
    const help = ["docs/techniques/findings.md"];
    expect([...sizes.keys()]).toEqual(
      expect.arrayContaining([...needed, ...built, ...report, ...help]),
    );
  });

  test("holds nothing else", () => {
    const files = [...sizes.keys()];
    expect(files.filter((file) => !allowed.some((pattern) => pattern.test(file)))).toEqual([]);
    expect(files.filter((file) => /\.(map|tsx?|py)$/.test(file))).toEqual([]);
  });

  test("holds the native code of its own platform only", () => {
    const binaries = `bin/napi-v6/${target.replace("-", "/")}/`;
    const native = [...sizes.keys()].filter((file) => /\.(node|dll|dylib|so)(\.\d+)*$/.test(file));
    expect(native.filter((file) => !file.includes(binaries))).toEqual([]);
    expect(native.length).toBe(target === "universal" ? 0 : 2);
  });

  test("can compute without native code", () => {
    const webAssembly = "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm";
    const found = [...sizes.keys()].filter((file) => file.endsWith(".wasm"));
    expect(found).toEqual([webAssembly]);
  });

  test("stays below its size", () => {
    const megabytes = [...sizes.values()].reduce((sum, size) => sum + size, 0) / 1e6;
    expect(megabytes).toBeLessThan(limitInMegabytes(target));
  });

  describe("installed", () => {
    let vscode: RunningVsCode;
    beforeAll(async () => {
      vscode = await launchVsCode({ extension: path });
    });
    afterAll(() => vscode.stop());

    test(`folds a model on ${runtime}`, async ({ openWorkspace }) => {
      const { workbench } = await openWorkspace({ "digits.onnx": digits }, { url: vscode.url });
      const page = await openModel(workbench, "digits.onnx");
      await page.locator("normlens-status-line .text", { hasText: runtime }).waitFor();
      await foldAll(page);
      expect(workbench.errors).toEqual([]);
    });
  });
});

test("every native target has its binaries in the installed onnxruntime-node", () => {
  const folder = join(root, "node_modules", "onnxruntime-node", "bin", "napi-v6");
  const missing = nativeTargets.filter(
    (target) => !existsSync(join(folder, target.replace("-", "/"))),
  );
  expect(missing).toEqual([]);
});

async function packagedSizes(path: string): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  const extension = "extension/";
  unzipSync(await readFile(path), {
    filter: ({ name, originalSize }) => {
      if (name.startsWith(extension)) sizes.set(name.slice(extension.length), originalSize);
      return false;
    },
  });
  return sizes;
}

/** Unpacked: 15 MB of WebAssembly, 25 to 46 MB of native runtime, and what is NormLens's own. */
function limitInMegabytes(target: Target): number {
  return target === "universal" ? 30 : 80;
}
