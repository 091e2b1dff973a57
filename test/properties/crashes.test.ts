// Random raises, and between them everything that can happen to a projector, its file and its output:
// the output is the decided list exactly once and in order, and the read model is the one by replay.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReadModelSnapshot } from '../../src/adapters/memory/read-model.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import {
  memoryReadModel,
  memoryReadModelStore,
  type MemoryReadModelStore,
  type PublishFault,
} from '../../src/testing.ts';
import { ndjson, raiseLines } from '../support/arbitraries.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { poison } from '../support/log-edits.ts';
import { raiseText } from '../support/raise-lines.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';
import { until } from '../support/until.ts';
import { eventsOf, makeWorld, type World } from '../support/world.ts';

/** One thing that happens; `n` picks what and where. */
type Happening =
  | { readonly kind: 'raise'; readonly lines: readonly unknown[] }
  | { readonly kind: 'project' }
  | { readonly kind: 'fault'; readonly ahead: number; readonly fault: PublishFault }
  /** A projector dies with messages stored and no ack of them seen. */
  | { readonly kind: 'kill'; readonly after: number }
  | { readonly kind: 'lose_file' }
  | { readonly kind: 'poison' }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'lose_tail'; readonly count: number };

const faults = fc.constantFrom<PublishFault[]>(
  'ack_lost',
  { kind: 'unavailable', message: 'gone' },
  { kind: 'rejected', message: 'no space' },
  { kind: 'fenced', message: 'another one was here' },
);

const common: fc.Arbitrary<Happening>[] = [
  fc.record({
    kind: fc.constant('raise'),
    lines: fc.array(raiseLines, { minLength: 1, maxLength: 6 }),
  }),
  fc.constant({ kind: 'project' }),
  fc.record({ kind: fc.constant('fault'), ahead: fc.nat({ max: 8 }), fault: faults }),
  fc.record({ kind: fc.constant('kill'), after: fc.nat({ max: 8 }) }),
  fc.constant({ kind: 'lose_file' }),
  fc.constant({ kind: 'poison' }),
];
const foreign = fc.constant<Happening>({ kind: 'foreign' });
const tail = fc.record({ kind: fc.constant('lose_tail' as const), count: fc.nat({ max: 6 }) });

const histories = (...more: fc.Arbitrary<Happening>[]) =>
  fc.array(fc.oneof(...common, ...more), { minLength: 2, maxLength: 14 });

class History {
  readonly world: World;
  file: MemoryReadModelStore;

  constructor(world: World) {
    this.world = world;
    this.file = world.file;
  }

  project() {
    return this.world.project({}, { state: this.file.open() });
  }

  async happen(happening: Happening): Promise<void> {
    const { world } = this;
    const { output } = world;
    switch (happening.kind) {
      case 'raise':
        await raiseText(world, ndjson(happening.lines));
        return;
      case 'project':
        await this.project();
        return;
      case 'fault': {
        const end = output.messages.at(-1)?.sequence ?? 0n;
        output.failAt(end + BigInt(1 + happening.ahead), happening.fault);
        return;
      }
      case 'kill':
        await this.#kill(happening.after);
        return;
      case 'lose_file':
        this.file = memoryReadModelStore();
        return;
      case 'poison':
        await poison(world.store, crypto.randomUUID());
        return;
      case 'foreign':
        if (output.messages.length > 0) output.insertForeign();
        return;
      case 'lose_tail':
        if (output.messages.length > 0) output.dropLast(happening.count);
        return;
    }
  }

  async #kill(after: number): Promise<void> {
    const { output } = this.world;
    const end = output.messages.at(-1)?.sequence ?? 0n;
    // Not a message more than these, however many are sent at once.
    output.failAt(end + BigInt(after) + 1n, { kind: 'unavailable', message: 'killed here' });
    output.holdAcks();
    const projector = this.world.projector({ state: this.file.open() });
    const stop = new AbortController();
    const before = output.messages.length;
    const run = projector.run(stop.signal);
    const stored = (): boolean => output.messages.length > before;
    await until(
      'it stored some, or has nothing to store',
      () => after === 0 || stored() || projector.status().caughtUp,
    );
    output.disconnect();
    stop.abort();
    await run;
    output.releaseAcks();
  }
}

function verdictsOf({ verdicts, sentNotifications, parked, reasons }: ReadModelSnapshot) {
  const placeless = verdicts.map((verdict) => ({ ...verdict, sequence: null }));
  return { verdicts: placeless, sentNotifications, parked, reasons };
}

async function endsWell(happenings: readonly Happening[]): Promise<void> {
  const history = new History(await makeWorld({ pageEntries: 3 }));
  const { world } = history;
  for (const happening of happenings) await history.happen(happening);
  await history.project();
  expect(storedList(world.output)).toEqual(await decidedList(world.store));
  expect(await history.project()).toMatchObject({ triggered: 0, published: 0 });
  const replayed = memoryReadModel();
  const { published, suppressed, parked } = await replay(world.store, replayed, 'tocsin');
  const snapshot = history.file.snapshot();
  expect(verdictsOf(snapshot)).toEqual(verdictsOf(replayed.snapshot()));
  expect(snapshot.checkpoint?.counts).toMatchObject({ published, suppressed, parked });
  const requests = (await eventsOf(world.store)).filter(
    ({ type }) => type === 'NotificationRequested',
  );
  expect(snapshot.verdicts).toHaveLength(requests.length);
  const places = new Map(
    world.output.messages.map(({ headers, sequence }) => [headers.get('ce-id'), sequence]),
  );
  for (const { id, sequence } of snapshot.recentMessages) expect(sequence).toBe(places.get(id));
}

describe('projectors under random faults', { timeout: SLOW_TEST_MS }, () => {
  it('store each decided message once and in order after crashes and lost files', async () => {
    await fc.assert(fc.asyncProperty(histories(), endsWell), { numRuns: 120 });
  });

  it('store each decided message once among foreign messages', async () => {
    await fc.assert(fc.asyncProperty(histories(foreign), endsWell), { numRuns: 80 });
  });

  it('store each decided message once when the server loses acknowledged messages', async () => {
    await fc.assert(fc.asyncProperty(histories(tail), endsWell), { numRuns: 80 });
  });
});
