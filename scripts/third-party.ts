import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../test/vscode/harness/paths.ts";

interface ThirdPartyPackage {
  name: string;
  version: string;
  licence: string;
  homepage: string;
  text: string;
}

/** Shipped as files beside the bundles, so esbuild does not report them. */
const shippedAsFiles = [
  "node_modules/@vscode/codicons",
  "node_modules/onnxruntime-common",
  "node_modules/onnxruntime-node",
  "node_modules/onnxruntime-web",
];

type LicenceText = "apache-2.0" | "bsd-3-clause" | "mit";

/** The packages that name their licence and do not carry its text. */
const withoutLicenceFile: Record<string, { text: LicenceText; copyright: string }[]> = {
  "@bufbuild/protobuf": [
    { text: "apache-2.0", copyright: "Copyright 2021-2026 Buf Technologies, Inc." },
    { text: "bsd-3-clause", copyright: "Copyright 2008 Google Inc. All rights reserved." },
  ],
  "@lit-labs/ssr-dom-shim": [
    { text: "bsd-3-clause", copyright: "Copyright 2022 Google LLC. All rights reserved." },
  ],
  "onnx-buf": [{ text: "mit", copyright: "Copyright (c) Eric Zhang" }],
  "onnxruntime-common": [{ text: "mit", copyright: "Copyright (c) Microsoft Corporation" }],
  "onnxruntime-node": [{ text: "mit", copyright: "Copyright (c) Microsoft Corporation" }],
  "onnxruntime-web": [{ text: "mit", copyright: "Copyright (c) Microsoft Corporation" }],
};

const introduction = `# Third-party notices

NormLens contains the following software of others, each under its own licence. The binaries of ONNX
Runtime contain further components, which are listed with their licences in the
[ThirdPartyNotices.txt](https://github.com/microsoft/onnxruntime/blob/main/ThirdPartyNotices.txt) of
its repository.
`;

/** The notices for all that the last build bundled, and for what is packaged beside it. */
export async function thirdPartyNotices(): Promise<string> {
  const folders = [...new Set([...(await bundledPackages()), ...shippedAsFiles])].sort();
  const packages = await Promise.all(folders.map(describe));
  return [introduction, ...packages.map(section)].join("\n");
}

/** The folders of the packages that esbuild read files from, nested ones included. */
async function bundledPackages(): Promise<string[]> {
  const report = await readFile(join(root, "dist", "meta.json"), "utf8");
  const { inputs } = JSON.parse(report) as { inputs: Record<string, unknown> };
  return Object.keys(inputs).flatMap(
    (path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? [],
  );
}

async function describe(path: string): Promise<ThirdPartyPackage> {
  const folder = join(root, path);
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  return {
    name: manifest.name,
    version: manifest.version,
    licence: manifest.license,
    homepage: manifest.homepage ?? repositoryOf(manifest.repository),
    text: (await licenceTexts(manifest.name, folder)).join("\n\n"),
  };
}

function repositoryOf(repository: string | { url: string } | undefined): string {
  const url = typeof repository === "string" ? repository : (repository?.url ?? "");
  return url.replace(/^git\+/, "").replace(/\.git$/, "");
}

async function licenceTexts(name: string, folder: string): Promise<string[]> {
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice)/i.test(file)).sort();
  if (files.length > 0) {
    return Promise.all(
      files.map(async (file) => clean(await readFile(join(folder, file), "utf8"))),
    );
  }
  const known = withoutLicenceFile[name];
  if (!known) {
    throw new Error(`${name} carries no licence text. Add it to withoutLicenceFile.`);
  }
  return Promise.all(
    known.map(async ({ text, copyright }) => {
      const file = join(root, "scripts", "licences", `${text}.txt`);
      const template = clean(await readFile(file, "utf8"));
      return template.includes("{copyright}")
        ? template.replace("{copyright}", copyright)
        : `${copyright}\n\n${template}`;
    }),
  );
}

function clean(text: string): string {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  return lines
    .map((line) => line.trimEnd())
    .join("\n")
    .replace(/^\n+|\n+$/g, "");
}

function section({ name, version, licence, homepage, text }: ThirdPartyPackage): string {
  const source = homepage ? ` · ${homepage}` : "";
  return `## ${name} ${version}\n\n${licence}${source}\n\n\`\`\`text\n${text}\n\`\`\`\n`;
}
