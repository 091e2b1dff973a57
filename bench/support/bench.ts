// What every case gets and gives.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How large a run is. */
export type Sizes = {
  /** Rounds of product and limit in turn. */
  readonly rounds: number;
  /** Requests per round. */
  readonly requests: number;
  /** Seconds that an event loop is watched. */
  readonly watchSeconds: number;
  /** Lines of the big file. */
  readonly lines: number;
};

export const FULL: Sizes = { rounds: 7, requests: 20_000, watchSeconds: 10, lines: 1_000_000 };

/** Only its ratios say something, and only beside those of another quick run (see guard.ts). */
export const QUICK: Sizes = { rounds: 3, requests: 1_000, watchSeconds: 0.5, lines: 2_000 };

/** What a case is given. */
export type Surroundings = {
  readonly sizes: Sizes;
  /** A folder for this case's files, on the disk that the temporary files are on. */
  readonly folder: string;
  /** One line about what is going on; not part of the result. */
  readonly say: (text: string) => void;
};

/** A target of the project's, and what was reached. */
export type Target = {
  readonly what: string;
  readonly reached: number;
  /** Exactly one of the two bounds. */
  readonly atLeast?: number;
  readonly below?: number;
};

/** What a case found. */
export type Report = {
  readonly case: string;
  /** Figures by name; rates are in units a second. */
  readonly figures: Readonly<Record<string, unknown>>;
  readonly targets: readonly Target[];
  /** The same in words, a line each. */
  readonly lines: readonly string[];
  /** Where the result is recorded; default: bench/README.md. */
  readonly document?: string;
  /** A picture of the result, as SVG, recorded beside the document. */
  readonly picture?: string;
};

export function isReached({ reached, atLeast, below }: Target): boolean {
  return (atLeast === undefined || reached >= atLeast) && (below === undefined || reached < below);
}

/** A target in words, and whether it was reached. */
export function verdictOf(target: Target): string {
  const { what, reached, atLeast, below } = target;
  const bound = atLeast === undefined ? `below ${below ?? ''}` : `at least ${atLeast}`;
  return `${isReached(target) ? 'reached' : 'MISSED '}  ${what}: ${shown(reached, 3)} (target: ${bound})`;
}

/** A folder that is gone with its scope. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'tocsin-bench-'));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** A number as people read it. */
export function shown(value: number, digits = 0): string {
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}
