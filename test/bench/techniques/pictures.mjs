import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { techniques } from "./techniques.mjs";
import { root, trainOnce } from "./train-once.mjs";

/**
 * Makes the pictures of docs/techniques, each from a real run: the report's charts of the lecture's
 * network trained on the digits with one technique, seed 0.
 * `npm run build && node test/bench/techniques/pictures.mjs [NAME…]`; Chromium is looked for in
 * CHROMIUM_PATH, then at /usr/bin/chromium.
 */

const target = join(root, "docs", "techniques", "images");
const only = process.argv.slice(2);
const bundle = join(root, "node_modules", ".cache", "normlens-bench", "report.mjs");
await build({
  entryPoints: [join(root, "src", "host", "training", "report-html.ts")],
  outfile: bundle,
  bundle: true,
  platform: "node",
  format: "esm",
});
const { reportHtml } = await import(pathToFileURL(bundle).href);

await mkdir(target, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
try {
  const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
  for (const [name, { options, picture }] of Object.entries(techniques)) {
    if (picture === undefined || (only.length > 0 && !only.includes(picture))) continue;
    const folder = await mkdtemp(join(tmpdir(), "normlens-picture-"));
    try {
      const { events } = await trainOnce(folder, options, 0);
      const file = join(folder, "report.html");
      const title = `digits-mlp on the digits: ${name}`;
      await writeFile(
        file,
        await reportHtml(root, { title, model: "digits-mlp.onnx", passes: [], events }),
      );
      await page.goto(pathToFileURL(file).href);
      await page.locator("section canvas").first().waitFor();
      // The curves, and the values of the last hidden layer.
      await page.locator("section, h1, h1 + p").evaluateAll((parts) => {
        const layers = parts.filter((part) => part.textContent.trim().startsWith("Layer"));
        const kept = new Set([parts.find((part) => part.querySelector(".charts")), layers.at(-1)]);
        for (const part of parts) if (!kept.has(part)) part.remove();
      });
      await page.waitForTimeout(500);
      await page.locator("main").screenshot({ path: join(target, `${picture}.png`) });
      console.log(picture);
    } finally {
      await rm(folder, { recursive: true });
    }
  }
} finally {
  await browser.close();
}
