/** Lets charts of the same run show the same moment. Positions are in epochs, fractions allowed. */
export class HoverLink {
  #charts = new Set<(epoch: number | undefined, from: object) => void>();

  join(show: (epoch: number | undefined, from: object) => void): () => void {
    this.#charts.add(show);
    return () => this.#charts.delete(show);
  }

  point(epoch: number | undefined, from: object): void {
    for (const show of this.#charts) show(epoch, from);
  }
}
