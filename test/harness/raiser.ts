// A process that raises triggers, as an application that embeds the kernel does: lines come on stdin, each is
// raised until it has an answer, and the answers go to stdout.
//
//   node test/harness/raiser.ts STORE        reads {"n":1,"line":{…}}, prints `s 1` and `a 1 raised 2.5`,
//                                            with the milliseconds that it took
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { fromRaiseLine } from '../../src/domain/contracts/mapping.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import { isJson } from '../../src/domain/core/json.ts';
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';
import { openKernel, type Kernel } from '../../src/kernel/open-kernel.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

const DEADLINE_MS = 3_000;
const RETRY_MS = 50;
const CONCURRENCY = 24;

type Item = { readonly n: number; readonly line: unknown };

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
const isAway = (error: unknown): boolean =>
  error instanceof TocsinError && error.kind === 'unavailable';

// It ends with its input, so that whoever asks gets every answer first.
process.on('SIGTERM', () => undefined);
const store = eventStoreDb({ connectionString: process.argv[2] ?? '' });

/** Opening needs the store; it may be away for a moment. */
async function opened(): Promise<Kernel> {
  for (;;) {
    try {
      return await openKernel({ ...scheduleProduct, store });
    } catch (error) {
      if (!isAway(error)) throw error;
      await sleep(RETRY_MS);
    }
  }
}

const kernel = await opened();
say('ready');

/** Until there is an answer that says what became of it. */
async function raise({ n, line }: Item): Promise<void> {
  const input = isJson(line) ? fromRaiseLine(line) : undefined;
  if (input?.ok !== true) throw new Error(`not a raise line: ${JSON.stringify(line)}`);
  say(`s ${n}`);
  const begun = performance.now();
  for (;;) {
    try {
      // The kernel validates the input again.
      const request = input.value as RaiseInput;
      const { outcome } = await kernel.raise(request, { deadlineMs: DEADLINE_MS });
      if (outcome !== 'unknown' && outcome !== 'conflict') {
        say(`a ${n} ${outcome} ${(performance.now() - begun).toFixed(1)}`);
        return;
      }
    } catch (error) {
      if (!isAway(error)) throw error;
      await sleep(RETRY_MS);
    }
  }
}

/** So many at a time; one user's lines have no order here, because the answers do not depend on it. */
const inFlight = new Set<Promise<void>>();
for await (const text of createInterface(process.stdin)) {
  const one: Promise<void> = raise(JSON.parse(text) as Item).finally(() => inFlight.delete(one));
  inFlight.add(one);
  if (inFlight.size >= CONCURRENCY) await Promise.race(inFlight);
}
await Promise.all(inFlight);
await kernel.close();
await store[Symbol.asyncDispose]();
