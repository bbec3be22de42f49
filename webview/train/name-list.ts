/** Names between commas; what is empty is no name. */
export function namesIn(text: string): readonly string[] {
  return text.split(",").flatMap((name) => name.trim() || []);
}

export function nameList(names: readonly string[]): string {
  return names.join(", ");
}
