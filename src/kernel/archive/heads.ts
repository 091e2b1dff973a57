// Compares the tree of an archive with heads that a notary has signed, while the tree grows past their sizes.
import type { TreeHead } from '../../projections/notary/head.ts';
import { refusals } from './refusals.ts';

export class HeadsOnTheWay {
  readonly #bySize: ReadonlyMap<number, TreeHead>;
  #verified = 0;
  readonly #isGiven: boolean;

  /** Heads of the log before the archive were compared with the archive before. */
  constructor(heads: readonly TreeHead[], storeId: string, after: number) {
    for (const head of heads) if (head.store !== storeId) throw refusals.otherHead(head.store);
    this.#isGiven = heads.length > 0;
    this.#bySize = new Map(
      heads.filter(({ size }) => size > after).map((head) => [head.size, head]),
    );
  }

  readonly grown = (size: number, root: () => string): void => {
    const head = this.#bySize.get(size);
    if (head === undefined) return;
    if (head.root !== root()) throw refusals.headDiffers(head);
    this.#verified = size;
  };

  result() {
    // A head that differs ends the archive, so all that were covered fit.
    return this.#isGiven ? { covered: this.#verified, verified: this.#verified } : null;
  }
}
