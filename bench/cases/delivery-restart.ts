// A worker as a process of its own that starts before many deliveries that wait: with nothing but the
// log, and with the index that it had before it was killed.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { shown, type Surroundings, type Target } from '../support/bench.ts';
import { openReceiver } from '../support/receiver.ts';
import { makeWaiting } from '../support/waiting.ts';
import { watched } from '../support/watched.ts';

const CHILD = fileURLToPath(new URL('../support/delivery-child.ts', import.meta.url));
const LIMIT_MB = 250;
/** Due at each start. */
const DUE = 100;
/** The log that the big one is compared with is smaller by this. */
const SMALLER = 10;
/** Within the hour that a preview lives. */
const WAIT_MS = 55 * 60_000;

type Start = {
  readonly waiting: number;
  readonly from: 'the log alone' | 'its index';
  readonly peakMb: number;
  readonly firstSeconds: number;
};

export async function benchRestart({ sizes, folder, say }: Surroundings) {
  const many = Math.min(100_000, sizes.requests * 5);
  const starts: Start[] = [];
  for (const waiting of [many / SMALLER, many]) {
    const path = join(folder, `waiting-${waiting}`);
    await mkdir(path);
    const file = join(path, 'events.db');
    say(`delivery: making ${shown(waiting)} that wait`);
    await makeWaiting(file, { first: 1, count: waiting, until: Date.now() + WAIT_MS });
    for (const [index, from] of (['the log alone', 'its index'] as const).entries()) {
      await makeWaiting(file, { first: waiting + 1 + index * DUE, count: DUE });
      say(`delivery: a worker starts before ${shown(waiting)} that wait, from ${from}`);
      starts.push({ waiting, from, ...(await start(path, waiting, (index + 1) * DUE)) });
    }
  }
  const most = Math.max(...starts.map(({ peakMb }) => peakMb));
  const targets: readonly Target[] = [
    { what: `peak resident MB before ${shown(many)} that wait`, reached: most, below: LIMIT_MB },
  ];
  return { figures: { unit: 'MB', starts }, targets, lines: starts.map(lineOf) };
}

async function start(path: string, waiting: number, delivered: number) {
  await using receiver = await openReceiver();
  const begun = Date.now();
  const args = [path, receiver.origin, String(waiting), String(delivered)];
  const { peakMb } = await watched(args, CHILD);
  const first = Math.min(...receiver.firstCalls.values());
  return { peakMb, firstSeconds: (first - begun) / 1000 };
}

function lineOf({ waiting, from, peakMb, firstSeconds }: Start): string {
  return (
    `start before ${shown(waiting)} that wait, from ${from}  ` +
    `peak ${shown(peakMb)} MB resident, first attempt after ${shown(firstSeconds, 1)} s`
  );
}
