import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createVSIX } from "@vscode/vsce";
import { root } from "../test/vscode/harness/paths.ts";
import { stage } from "./stage.ts";

/**
 * The native binaries of each platform that has some.
 *
 * Left out is what only a GPU would need (DirectML and the shader compilers of Windows, which
 * onnxruntime.dll loads on demand) and the second copy of the library of macOS, whose binding names
 * `libonnxruntime.1.dylib`.
 */
const nativeFiles = {
  "linux-x64": "linux/x64/{onnxruntime_binding.node,libonnxruntime.so.1}",
  "linux-arm64": "linux/arm64/{onnxruntime_binding.node,libonnxruntime.so.1}",
  "darwin-arm64": "darwin/arm64/{onnxruntime_binding.node,libonnxruntime.1.dylib}",
  "win32-x64": "win32/x64/{onnxruntime_binding.node,onnxruntime.dll}",
  "win32-arm64": "win32/arm64/{onnxruntime_binding.node,onnxruntime.dll}",
};

export type NativeTarget = keyof typeof nativeFiles;
export type Target = NativeTarget | "universal";

export const nativeTargets = Object.keys(nativeFiles) as NativeTarget[];
export const targets: readonly Target[] = ["universal", ...nativeTargets];

export interface PackagedVsix {
  path: string;
  bytes: number;
}

/** Packages what is built in `dist/` into a VSIX in the given folder. */
export async function createVsix(target: Target, folder: string): Promise<PackagedVsix> {
  const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const platform = target === "universal" ? "" : `-${target}`;
  const path = join(folder, `${manifest.name}${platform}-${manifest.version}.vsix`);
  const ignored = await ignoreLines(target);
  const staged = await mkdtemp(join(tmpdir(), "normlens-package-"));
  try {
    await stage(
      staged,
      ignored.filter((line) => line.startsWith("!")).map((line) => line.slice(1)),
    );
    await writeFile(join(staged, ".vscodeignore"), ignored.join("\n"));
    await createVSIX({
      cwd: staged,
      packagePath: path,
      allowMissingRepository: true,
      rewriteRelativeLinks: false,
      ...(target === "universal" ? {} : { target }),
    });
  } finally {
    await rm(staged, { recursive: true });
  }
  return { path, bytes: (await stat(path)).size };
}

/** `.vscodeignore` and the target's own lines. */
async function ignoreLines(target: Target): Promise<string[]> {
  const lines = (await readFile(join(root, ".vscodeignore"), "utf8")).split("\n");
  if (target === "universal") return lines;
  const runtime = "!node_modules/onnxruntime-node";
  return [
    ...lines,
    ...[`${runtime}/package.json`, `${runtime}/dist/*.js`],
    `${runtime}/bin/napi-v6/${nativeFiles[target]}`,
  ];
}
