import type { Workbench } from "./harness/workbench.ts";
import type { WorkspaceFiles } from "./harness/workspace.ts";
import { layersFiles, layersNetwork } from "./layers-models.ts";

/** With a line for each field, as people who look at such files have them. */
export async function prettyFiles(model = layersNetwork(), folder = ""): Promise<WorkspaceFiles> {
  const files = await layersFiles(model, folder);
  const pretty = Object.entries(files).map(([path, content]) =>
    typeof content === "string"
      ? [path, `${JSON.stringify(JSON.parse(content), undefined, 2)}\n`]
      : [path, content],
  );
  return Object.fromEntries(pretty);
}

/** A window that had the file in another editor would open it there again. */
export async function openText(workbench: Workbench, path = "model.json"): Promise<void> {
  await workbench.openFile(path);
  await workbench.reopenWith("Text Editor");
  await workbench.page.locator(".monaco-editor .view-lines").first().waitFor();
}

export async function openAsText(workbench: Workbench, path?: string): Promise<void> {
  await openText(workbench, path);
  // The window may show other lines; the findings come together with this.
  const lens = workbench.page.locator(".codelens-decoration a", { hasText: "NormLens" });
  await lens.waitFor({ state: "attached" });
}

/** Puts the cursor into a layer's name. */
export async function goToLayer(workbench: Workbench, text: string, layer: string): Promise<void> {
  const lines = text.split("\n");
  const line = lines.findIndex((each) => each.includes(`"name": "${layer}"`));
  await workbench.goTo(line + 1, (lines[line] ?? "").indexOf(layer) + 2);
}
