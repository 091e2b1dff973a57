// The five parts of a deployment on files, at two times; and what each combination of old and new must lead to.
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const PARTS = ['log', 'state', 'stream', 'worker', 'vault'] as const;
export type Part = (typeof PARTS)[number];
export type Age = 'old' | 'new';
export type Combination = Readonly<Record<Part, Age>>;

/** All 32. */
export const COMBINATIONS: readonly Combination[] = Array.from(
  { length: 2 ** PARTS.length },
  (_, n) => {
    const age = (bit: number): Age => ((n >> bit) & 1 ? 'new' : 'old');
    return { log: age(0), state: age(1), stream: age(2), worker: age(3), vault: age(4) };
  },
);

export const nameOf = (combination: Combination): string =>
  PARTS.map((part) => `${part} ${combination[part]}`).join(', ');

/** How each process answers to a combination: the code of its refusal, or that it goes on. */
export type Expected = {
  readonly projector: 'goes_on' | 'log_shorter' | 'output_ahead';
  readonly worker: 'goes_on' | 'log_shorter';
  /** Whether deliveries to channels that were changed after the backup wait with `secrets_missing`. */
  readonly waits: boolean;
};

export function expectedOf({ log, state, stream, worker, vault }: Combination): Expected {
  const isOld = log === 'old';
  return {
    projector:
      isOld && state === 'new'
        ? 'log_shorter'
        : isOld && stream === 'new'
          ? 'output_ahead'
          : 'goes_on',
    worker: isOld && worker === 'new' ? 'log_shorter' : 'goes_on',
    waits: log !== vault,
  };
}

export type Copies = {
  /** Where the deployment runs. */
  readonly live: string;
  /** Keeps the parts as they are now. Nothing may have them open. */
  readonly keep: (age: Age) => void;
  /** Puts these parts in place. */
  readonly put: (combination: Partial<Combination>) => void;
  readonly remove: () => void;
};

/** @param paths of each part, within the folder */
export function copiesOf(paths: Readonly<Record<Part, string>>): Copies {
  const root = mkdtempSync(join(tmpdir(), 'tocsin-restored-'));
  const live = join(root, 'live');
  mkdirSync(live);
  const copy = (from: string, to: string, path: string): void => {
    for (const end of ['', '-wal', '-shm']) {
      rmSync(join(to, `${path}${end}`), { recursive: true, force: true });
      if (!existsSync(join(from, `${path}${end}`))) continue;
      mkdirSync(dirname(join(to, path)), { recursive: true });
      cpSync(join(from, `${path}${end}`), join(to, `${path}${end}`), { recursive: true });
    }
  };
  return {
    live,
    keep(age) {
      for (const part of PARTS) copy(live, join(root, age), paths[part]);
    },
    put(combination) {
      for (const part of PARTS) {
        const age = combination[part];
        if (age !== undefined) copy(join(root, age), live, paths[part]);
      }
    },
    remove: () => {
      rmSync(root, { recursive: true, force: true });
    },
  };
}
