import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createVSIX } from "@vscode/vsce";
import { root } from "../test/vscode/harness/paths.ts";

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
  await withIgnoreFile(target, (ignoreFile) =>
    createVSIX({
      cwd: root,
      ignoreFile,
      packagePath: path,
      allowMissingRepository: true,
      rewriteRelativeLinks: false,
      ...(target === "universal" ? {} : { target }),
    }),
  );
  return { path, bytes: (await stat(path)).size };
}

/** `.vscodeignore` and the target's own lines, as a file, because a file is what vsce reads. */
async function withIgnoreFile(
  target: Target,
  use: (ignoreFile: string) => Promise<void>,
): Promise<void> {
  const lines = [await readFile(join(root, ".vscodeignore"), "utf8")];
  if (target !== "universal") {
    const runtime = "!node_modules/onnxruntime-node";
    lines.push(`${runtime}/package.json`, `${runtime}/dist/*.js`);
    lines.push(`${runtime}/bin/napi-v6/${nativeFiles[target]}`);
  }
  const folder = await mkdtemp(join(tmpdir(), "normlens-package-"));
  try {
    const ignoreFile = join(folder, "vscodeignore");
    await writeFile(ignoreFile, lines.join("\n"));
    await use(ignoreFile);
  } finally {
    await rm(folder, { recursive: true });
  }
}
