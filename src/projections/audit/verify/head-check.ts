// Compares the leaves of the log with signed heads that were kept elsewhere, and names the first leaf that differs.
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { Frontier } from '../../notary/frontier.ts';
import { bytesOf, type TreeHead } from '../../notary/head.ts';
import { leafOf } from '../../notary/leaf.ts';
import { areEqual, type Hash } from '../../notary/merkle.ts';
import { eventText, type Findings } from './mismatches.ts';

/** Heads whose signatures were checked, and what is known of the leaves below them. */
export type HeadWitness = {
  /** In any order. */
  readonly heads: readonly TreeHead[];
  /**
   * The hash of a leaf as a notary has noted it; `undefined` where it is not known. The hashes count only if they give
   * the root of a head. Without them a difference is named by the heads around it.
   */
  readonly leafAt?: (n: number) => Hash | undefined;
};

type Difference = {
  readonly leaf: number;
  readonly event: RecordedEvent;
  readonly found: Hash;
  readonly noted: Hash;
};

export class HeadCheck {
  readonly #heads: readonly TreeHead[];
  readonly #leafAt: (n: number) => Hash | undefined;
  readonly #findings: Findings;
  readonly #tree = new Frontier();
  #next = 0;
  #fits: TreeHead | undefined;
  #misfits: TreeHead | undefined;
  #first: Difference | undefined;
  /** The noted leaf of the first difference comes later in the log. */
  #isLater = false;

  constructor({ heads, leafAt = () => undefined }: HeadWitness, findings: Findings) {
    this.#heads = heads.toSorted((a, b) => a.size - b.size);
    this.#leafAt = leafAt;
    this.#findings = findings;
  }

  /** The leaves that heads cover. */
  get covered(): number {
    return this.#heads.at(-1)?.size ?? 0;
  }

  /** The number of leaves up to which the log is as the heads say. */
  get verified(): number {
    return this.#fits?.size ?? 0;
  }

  see(events: readonly RecordedEvent[]): void {
    for (const event of events) {
      const leaf = this.#tree.size;
      const isCovered = leaf < this.covered;
      // Beyond the heads, only a leaf that belongs earlier is looked for.
      if (!isCovered && (this.#first === undefined || this.#isLater)) return;
      const found = leafOf(event);
      this.#tree.add(found);
      if (this.#first !== undefined) this.#isLater ||= areEqual(found, this.#first.noted);
      else if (isCovered) this.#compare(leaf, event, found);
      this.#checkHeads();
    }
  }

  end(): void {
    const missing = this.#heads[this.#next];
    const first = this.#first;
    const head = this.#misfits ?? missing;
    if (head === undefined) return;
    if (first !== undefined && this.#areNoted(head)) this.#name(first, head);
    else if (this.#misfits === undefined)
      this.#findings.add(
        'event_missing',
        `leaf ${this.#tree.size}`,
        `the log ends after ${this.#tree.size} leaves, and a head of ${head.time} has ${head.size}`,
      );
    else {
      const from = this.#fits?.size ?? 0;
      const where = `leaves ${from} to ${head.size - 1}`;
      const detail = `they do not give the root of the head of ${head.size} leaves of ${head.time}`;
      this.#findings.add('log_differs', where, detail);
    }
  }

  #compare(leaf: number, event: RecordedEvent, found: Hash): void {
    const noted = this.#leafAt(leaf);
    if (noted === undefined || areEqual(noted, found)) return;
    this.#first = { leaf, event, found, noted };
  }

  #checkHeads(): void {
    for (;;) {
      const head = this.#heads[this.#next];
      if (head === undefined || head.size > this.#tree.size) return;
      this.#next += 1;
      if (head.size === this.#tree.size && areEqual(this.#tree.root(), bytesOf(head.root)))
        this.#fits = head;
      else this.#misfits ??= head;
    }
  }

  /** True when the noted leaves are those that the head was signed for. */
  #areNoted({ size, root }: TreeHead): boolean {
    const noted = new Frontier();
    for (let n = 0; n < size; n += 1) {
      const leaf = this.#leafAt(n);
      if (leaf === undefined) return false;
      noted.add(leaf);
    }
    return areEqual(noted.root(), bytesOf(root));
  }

  #name({ leaf, event, found }: Difference, { size, time }: TreeHead): void {
    const wasNoted = this.#isNoted(found, leaf, size);
    const what = eventText(event);
    const where = `leaf ${leaf}`;
    const since = `since the head of ${time}`;
    if (this.#isLater && wasNoted)
      this.#findings.add('event_moved', where, `${what} stands here, and another order was signed`);
    else if (this.#isLater) this.#findings.add('event_added', where, `${what} was put in ${since}`);
    else if (wasNoted)
      this.#findings.add('event_missing', where, `the event before ${what} was removed ${since}`);
    else this.#findings.add('event_changed', where, `${what} is not as it was signed ${since}`);
  }

  #isNoted(leaf: Hash, from: number, size: number): boolean {
    for (let n = from; n < size; n += 1) {
      const noted = this.#leafAt(n);
      if (noted !== undefined && areEqual(noted, leaf)) return true;
    }
    return false;
  }
}
