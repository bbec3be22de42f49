import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type TextEdit, textEdits } from "../../formats/layers/text-edits.ts";
import { tfjsSource } from "../../formats/tfjs/source.ts";
import { encodeTfjs, type PlacedShard, placeShards } from "../../formats/tfjs/write.ts";
import type { Graph } from "../../graph/graph.ts";
import { InputError } from "../../graph/input-error.ts";
import type { RewriteTextRequest, RewrittenText } from "../../protocol/model-text.ts";
import { applyPass } from "../apply-pass.ts";
import type { RequestContext } from "../context.ts";
import type { ModelText } from "./model-texts.ts";

/** More would pass through the editor's memory several times over. */
const LARGEST_NEW_BYTES = 512 * 2 ** 20;

/**
 * What a pass makes of a model.json and its weights, as one change that the editor can undo: edits of
 * the text, and new files of weights beside those that are there. Nothing is written beside the model
 * here, and no file that is there is ever overwritten: what is on the disk fits together before and
 * after, whether the text is saved or not.
 *
 * @throws InputError where the format has no place for the result.
 */
export async function rewriteText(
  model: ModelText & { readonly graph: Graph },
  request: RewriteTextRequest,
  context: RequestContext,
): Promise<RewrittenText> {
  const { graph, report } = await applyPass(model.graph, request, context);
  if (report.applied.length === 0) return { report, edits: [], files: [] };
  const placed = await placeShards(encodeTfjs(graph), dirname(request.path));
  const before = tfjsSource(model.graph)?.document;
  if (before === undefined) throw new InputError("only layers models are rewritten as text");
  const edits = textEdits(model.text, before, placed.document).map((edit: TextEdit) => ({
    range: model.lines.rangeOf(edit),
    content: edit.content,
  }));
  const fresh = placed.shards.filter(({ present }) => !present);
  return { report, edits, files: await keptFiles(fresh, request.folder) };
}

async function keptFiles(shards: readonly PlacedShard[], folder: string) {
  const total = shards.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (total > LARGEST_NEW_BYTES) {
    throw new InputError(
      `the new weights have ${total} bytes; with more than ${LARGEST_NEW_BYTES} a model is changed in NormLens' own editor`,
    );
  }
  await mkdir(folder, { recursive: true });
  const files: { path: string; content: string }[] = [];
  for (const [position, { path, bytes }] of shards.entries()) {
    const content = join(folder, `${position}.bin`);
    await writeFile(content, bytes);
    files.push({ path, content });
  }
  return files;
}
