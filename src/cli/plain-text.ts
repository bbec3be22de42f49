/** Names come from untrusted files: control characters must neither break the line nor the terminal. */
export function plainText(text: string): string {
  return text.replace(/\p{Cc}/gu, "\uFFFD");
}
