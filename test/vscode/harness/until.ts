const usualLimit = 30_000;
const interval = 50;

/** Tries again until there is an answer; for what no event announces. */
export async function until<Answer>(
  what: string,
  limit = usualLimit,
  attempt: () => Promise<Answer | undefined>,
): Promise<Answer> {
  const deadline = Date.now() + limit;
  for (;;) {
    const answer = await attempt();
    if (answer !== undefined) {
      return answer;
    }
    if (Date.now() > deadline) {
      throw new Error(`There was no ${what.replace(/^an? /, "")} within ${limit / 1000} s.`);
    }
    await new Promise((wake) => setTimeout(wake, interval));
  }
}
