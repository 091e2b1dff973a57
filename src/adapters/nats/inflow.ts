// Messages that a callback brings, for a reader that takes them one by one.

/** A queue with one reader. What bounds it is that nobody sends more than was asked for. */
export class Inflow<T> implements Disposable {
  readonly #signal: AbortSignal | undefined;
  readonly #end = (): void => {
    this.end();
  };
  #items: T[] = [];
  #taken = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  /** @param signal ends it */
  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    signal?.addEventListener('abort', this.#end, { once: true });
    if (signal?.aborted === true) this.#ended = true;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  /** The reader gets what is there, then nothing more. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** Nothing more comes; what came may still be read. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** It has ended, and everything was read. */
  get isOver(): boolean {
    return this.#ended && this.#taken === this.#items.length;
  }

  /** The next item; `undefined` when it has ended or nothing came within the time. */
  async next(timeoutMs: number): Promise<T | undefined> {
    if (this.#taken === this.#items.length && !this.#ended) await this.#arrival(timeoutMs);
    const item = this.#items[this.#taken];
    if (item === undefined) return undefined;
    this.#taken += 1;
    if (this.#taken === this.#items.length) [this.#items, this.#taken] = [[], 0];
    return item;
  }

  [Symbol.dispose](): void {
    this.#signal?.removeEventListener('abort', this.#end);
    this.end();
  }

  async #arrival(timeoutMs: number): Promise<void> {
    const arrived = Promise.withResolvers<undefined>();
    const wake = (): void => {
      arrived.resolve(undefined);
    };
    const timer = setTimeout(wake, timeoutMs);
    this.#wake = wake;
    await arrived.promise;
    clearTimeout(timer);
    this.#wake = undefined;
  }
}
