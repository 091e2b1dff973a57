// The lines that are raised under torture, and who still has to raise them. A line counts as answered
// once, by whichever incarnation of a raiser says what became of it.
import { oracle, scopeOf } from '../oracle/oracle.mjs';
import type { Supervised } from './supervised.ts';

export type Line = Readonly<Record<string, unknown>>;

const FIRST = Date.UTC(2026, 0, 1);
const HALF_HOUR_MS = 1_800_000;
/** So many lines fall into one window before the next begins. */
const LINES_PER_WINDOW = 400;
const USERS = 150;

/** Lines without end, the same for the same numbers. */
export function lineSource(random: () => number): () => { line: Line; after?: number } {
  const upTo = (n: number): number => 1 + Math.floor(random() * n);
  const recent: { n: number; line: Line }[] = [];
  let n = 0;
  const fresh = (): Line => {
    const at = FIRST + Math.floor(n / LINES_PER_WINDOW) * HALF_HOUR_MS + upTo(HALF_HOUR_MS) - 1;
    const user = upTo(USERS);
    const feedback = random() < 0.15;
    return {
      user_id: user % 10 === 0 ? `user-${user}` : user,
      trigger_type: feedback ? 'unfinished_feedback' : 'important_urgent_task',
      source: 'api_trigger',
      target_type: 'task_pool',
      target_id: upTo(1_000),
      requested_at: new Date(at).toISOString(),
      payload: { n },
      ...(feedback ? { feedback_id: `f${n}` } : {}),
      ...(random() < 0.15 ? { idempotency_key: `k${n}` } : {}),
      ...(random() < 0.03 ? { mock_now: new Date(at + 60_000).toISOString() } : {}),
    };
  };
  return () => {
    n += 1;
    const old = recent[Math.floor(random() * recent.length)];
    // The same again, sometimes with the key of another request: that one has to be the first.
    const repeats = old !== undefined && random() < 0.08;
    if (repeats && old.line['idempotency_key'] !== undefined && random() < 0.5) {
      return { line: { ...old.line, payload: { another: n } }, after: old.n };
    }
    const line = repeats ? old.line : fresh();
    recent.push({ n, line });
    if (recent.length > 500) recent.shift();
    return { line };
  };
}

type Raiser = {
  readonly process: Supervised;
  /** Lines that this raiser was given and has not answered, in their order. */
  readonly open: Map<number, Line>;
  /** Of these, the ones that it has begun. */
  readonly begun: Set<number>;
};

export type Outcomes = Readonly<Record<string, number>>;

/** Gives lines to raisers, and again to their successors, until each has its answer. */
export class Load {
  readonly #next: ReturnType<typeof lineSource>;
  readonly #random: () => number;
  readonly #raisers: Raiser[] = [];
  readonly #lines: Line[] = [];
  readonly #answered = new Set<number>();
  readonly #waiting: { n: number; line: Line; after: number }[] = [];
  readonly #outcomes: Record<string, number> = {};
  readonly #wrong: string[] = [];
  readonly #conflicting = new Set<number>();
  #latencies: number[] = [];

  constructor(random: () => number) {
    this.#random = random;
    this.#next = lineSource(random);
  }

  /** Adds a raiser; what it says goes to `heard`, and `started` is called at each of its starts. */
  add(make: (on: { heard: (line: string) => void; started: () => void }) => Supervised): void {
    const open = new Map<number, Line>();
    const begun = new Set<number>();
    const process = make({
      started: () => {
        begun.clear();
        for (const [n, line] of open) process.write(`${JSON.stringify({ n, line })}\n`);
      },
      heard: (text) => {
        const [verb, number, outcome = '', ms = ''] = text.split(' ');
        const n = Number(number);
        if (verb === 's') begun.add(n);
        if (verb !== 'a') return;
        this.#answer(n, outcome, open, begun);
        this.#latencies.push(Number(ms));
      },
    });
    this.#raisers.push({ process, open, begun });
  }

  /** One more line, for one raiser or, now and then, for two at once. */
  feed(): void {
    const { line, after } = this.#next();
    const n = this.#lines.push(line);
    if (after === undefined) this.#give(n, line);
    else {
      this.#conflicting.add(n);
      this.#waiting.push({ n, line, after });
    }
    this.#waiting.splice(0).forEach((held) => {
      if (this.#answered.has(held.after)) this.#give(held.n, held.line);
      else this.#waiting.push(held);
    });
  }

  /** Raises that one raiser, or all of them, have begun and not answered. */
  inFlight(raiser?: number): number {
    return this.#raisers
      .filter((_, index) => raiser === undefined || index === raiser)
      .reduce((sum, { begun }) => sum + begun.size, 0);
  }

  /** Lines that have been answered, by anybody. */
  get answers(): number {
    return this.#answered.size;
  }

  /** How many milliseconds the raises took that were answered since this was asked last. */
  takeLatencies(): readonly number[] {
    const taken = this.#latencies;
    this.#latencies = [];
    return taken;
  }

  get backlog(): number {
    return this.#raisers.reduce((sum, { open }) => sum + open.size, 0);
  }

  get isDone(): boolean {
    return this.backlog === 0 && this.#waiting.length === 0;
  }

  /** Gives out lines that waited for others. */
  settle(): void {
    this.#waiting.splice(0).forEach((held) => {
      if (this.#answered.has(held.after)) this.#give(held.n, held.line);
      else this.#waiting.push(held);
    });
  }

  get fed(): number {
    return this.#lines.length;
  }

  get outcomes(): Outcomes {
    return this.#outcomes;
  }

  /** Answers that no rule allows. */
  get wrong(): readonly string[] {
    return this.#wrong;
  }

  /** What these lines have to lead to; by the oracle, which knows nothing of what happened to them. */
  expected(): { readonly scopes: readonly string[]; readonly answer: ReturnType<typeof oracle> } {
    const lines = this.#lines.filter((_, index) => !this.#conflicting.has(index + 1));
    const answer = oracle(lines.map((line) => JSON.stringify(line)).join('\n'));
    return { scopes: [...new Set(lines.map((line) => scopeOf(line)))], answer };
  }

  #give(n: number, line: Line): void {
    const first = Math.floor(this.#random() * this.#raisers.length);
    const both = this.#random() < 0.1;
    this.#raisers.forEach(({ process, open }, index) => {
      if (index !== first && !both) return;
      open.set(n, line);
      process.write(`${JSON.stringify({ n, line })}\n`);
    });
  }

  #answer(n: number, outcome: string, open: Map<number, Line>, begun: Set<number>): void {
    open.delete(n);
    begun.delete(n);
    this.#answered.add(n);
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
    const right = this.#conflicting.has(n)
      ? outcome === 'idempotency_conflict'
      : outcome === 'raised' || outcome === 'duplicate';
    if (!right) this.#wrong.push(`line ${n}: ${outcome}`);
  }
}
