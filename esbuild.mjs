import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { build, context } from "esbuild";
import { noSockets } from "./scripts/no-sockets.mjs";

/**
 * Bundles what runs: the extension's entry, the engine process, the command line and the pages.
 *
 * `node esbuild.mjs [--watch] [--production]`
 */

const watch = process.argv.includes("--watch");
const production = process.argv.includes("--production");

/** @type {import("esbuild").BuildOptions} */
const shared = {
  bundle: true,
  minify: production,
  sourcemap: !production,
  metafile: true,
  logLevel: "warning",
  outdir: "dist",
};

/** Packages with native code or wasm files of their own stay packages. */
const runtimes = ["onnxruntime-node", "onnxruntime-web"];

/** Bundled CommonJS packages call require and __filename, which ES modules lack. */
const commonJsShim = [
  'import { createRequire as normlensRequire } from "node:module";',
  'import { fileURLToPath as normlensPath } from "node:url";',
  "const require = normlensRequire(import.meta.url);",
  "const __filename = normlensPath(import.meta.url);",
].join("\n");

/** @type {import("esbuild").BuildOptions[]} */
const bundles = [
  {
    ...shared,
    entryPoints: { extension: "src/extension.ts" },
    outExtension: { ".js": ".cjs" },
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["vscode"],
    plugins: [noSockets],
    minify: true,
  },
  {
    ...shared,
    entryPoints: {
      engine: "src/engine/main.ts",
      tensorflow: "src/engine/tensorflow/main.ts",
      cli: "src/cli.ts",
      decode: "src/data/folders/decode-worker.ts",
    },
    platform: "node",
    target: "node20",
    format: "esm",
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    external: runtimes,
    // Its CommonJS form chooses its parts while it runs, which no bundler can follow.
    alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
    banner: { js: commonJsShim },
  },
  {
    ...shared,
    entryPoints: {
      "webview/model": "webview/model/main.ts",
      "webview/train": "webview/train/main.ts",
      "webview/data": "webview/data/main.ts",
      "webview/report": "webview/report/main.ts",
    },
    platform: "browser",
    target: "es2023",
    format: "esm",
    minify: true,
    tsconfig: "webview/tsconfig.json",
    loader: { ".ttf": "file" },
  },
];

async function copyAssets() {
  await mkdir("dist/webview", { recursive: true });
  for (const file of ["codicon.css", "codicon.ttf"]) {
    await copyFile(`node_modules/@vscode/codicons/dist/${file}`, `dist/webview/${file}`);
  }
}

if (watch) {
  for (const options of bundles) await (await context(options)).watch();
  await copyAssets();
} else {
  // Chunks are named by their contents, so old ones would stay and be packed.
  await rm("dist/chunks", { recursive: true, force: true });
  const results = await Promise.all(bundles.map((options) => build(options)));
  await copyAssets();
  const inputs = Object.assign({}, ...results.map((result) => result.metafile?.inputs));
  const outputs = Object.assign({}, ...results.map((result) => result.metafile?.outputs));
  await writeFile("dist/meta.json", JSON.stringify({ inputs, outputs }));
}
