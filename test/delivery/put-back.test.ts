// An older copy of the log is in place for a moment, as when somebody restores the wrong backup. What a worker writes into
// the copy is not in the log, so it must not count as done.
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { silentLogger } from '../../src/domain/ports/logger.ts';
import { readControl } from '../../src/kernel/control/control.ts';
import { accept, intakeProcess } from '../../src/kernel/processes/delivery/intake.ts';
import { knownLog } from '../../src/kernel/processes/delivery/known-log.ts';
import { recoverPassed } from '../../src/kernel/processes/delivery/passed-requests.ts';
import { deliveryContext } from '../../src/kernel/processes/delivery/processes.ts';
import { redriveSkippedProcess } from '../../src/kernel/processes/delivery/redrive-skipped.ts';
import type { RequestQueue } from '../../src/kernel/processes/delivery/request-queue.ts';
import { wakeSignal } from '../../src/domain/core/wake-signal.ts';
import { restoredFrom } from '../support/copies.ts';
import { memoryDueIndexStore } from '../support/due-indexes.ts';
import { until } from '../support/until.ts';
import { virtualTime } from '../support/virtual-time.ts';
import { deliveryWorld } from './world.support.ts';
import { anInput, eventsOf, makeWorld, raised, type World } from '../support/world.ts';

const kernel = 'tocsin';

/** A log with sent requests that nobody has taken in, and a worker's part that looks for such requests. */
async function worldWithWorker() {
  const world = await makeWorld();
  const indexes = memoryDueIndexStore().open('log-1');
  const index = indexes.open('passed.1');
  const due = indexes.open('due.1');
  const signal = new AbortController().signal;
  return {
    world,
    due,
    raise: async (from: number, to: number): Promise<void> => {
      for (let user = from; user <= to; user += 1)
        await raised(world.kernel, anInput(user, { userId: user }));
      await world.project();
    },
    /** Looks once in the log that is in place; returns how many records it created there. */
    recover: async (store: EventStore): Promise<number> => {
      using letThrough = world.file.open();
      const records = deliveryContext({ store });
      return await recoverPassed(
        {
          store,
          kernel,
          letThrough,
          index,
          isSameLog: knownLog(store, kernel, { due, letThrough }),
          accept: (found) => accept({ ...records, kernel }, found),
        },
        1_000n,
        signal,
      );
    },
  };
}

const countOf = async (store: EventStore, wanted: string): Promise<number> =>
  (await eventsOf(store)).filter(({ type }) => type === wanted).length;

const accepted = ({ store }: Pick<World, 'store'>): Promise<number> =>
  countOf(store, 'NotificationAccepted');

describe('a copy of the log that is in place for a moment', () => {
  it('leaves requests that it lacks to the log', async () => {
    const { world, raise, recover } = await worldWithWorker();
    await raise(1, 2);
    const earlier = await eventsOf(world.store);
    await raise(3, 4);
    const copy = await restoredFrom(earlier);
    expect(await recover(copy)).toBe(2);
    // The worker has read its records there, so that nothing is left to do.
    expect(await recover(copy)).toBe(0);
    expect(await recover(world.store)).toBe(4);
    expect(await accepted(world)).toBe(4);
    expect(await recover(world.store)).toBe(0);
  });

  it('leaves requests to the log whose records it has got', async () => {
    const { world, raise, recover } = await worldWithWorker();
    await raise(1, 3);
    const copy = await restoredFrom(await eventsOf(world.store));
    expect(await recover(copy)).toBe(3);
    expect(await recover(world.store)).toBe(3);
    expect(await accepted(world)).toBe(3);
  });

  it('leaves requests to the log that were found in it before', async () => {
    const { world, raise, recover } = await worldWithWorker();
    await raise(1, 2);
    const earlier = await eventsOf(world.store);
    expect(await recover(world.store)).toBe(2);
    await raise(3, 5);
    const copy = await restoredFrom(earlier);
    await recover(copy);
    expect(await recover(world.store)).toBe(3);
    expect(await accepted(world)).toBe(5);
  });

  it('answers no message for the log, where nobody could find its request again', async () => {
    const { world, raise, due } = await worldWithWorker();
    await raise(1, 1);
    const earlier = await eventsOf(world.store);
    await raise(2, 2);
    const copy = await restoredFrom(earlier);
    const last = (await eventsOf(world.store)).at(-1);
    if (last === undefined) throw new Error('the log is empty');
    const { id, stream, revision, position } = last;
    due.commit({ position, lastEvent: { id, stream, revision }, put: [], remove: [] });
    const answersFrom = async (store: EventStore): Promise<unknown[]> => {
      const answers: unknown[] = [];
      const isSameLog = knownLog(store, kernel, { due });
      const requests = handingOver(world, answers);
      const records = deliveryContext({ store });
      const process = intakeProcess({ ...records, kernel, requests, isSameLog });
      await process.run(new AbortController().signal);
      return answers;
    };
    expect(await answersFrom(copy)).toEqual(['nak', 'nak']);
    // The copy is in place for the append alone.
    const third = await restoredFrom(await eventsOf(world.store));
    expect(
      await answersFrom({ ...world.store, append: (...call) => third.append(...call) }),
    ).toEqual(['nak', 'nak']);
    expect(await answersFrom(world.store)).toEqual(['ack', 'ack']);
    expect(await accepted(world)).toBe(2);
  });

  it.each([
    ['and is still there afterwards', false],
    ['and is gone right afterwards', true],
  ])('is the place of no call: an attempt that begins in it makes none, %s', async (_, isGone) => {
    await using world = await deliveryWorld();
    let inPlace: EventStore = world.store;
    const store: EventStore = {
      ...world.store,
      append: (...call) => inPlace.append(...call),
      readStream: (...call) => (isGone ? world.store : inPlace).readStream(...call),
      readAll: (...call) => (isGone ? world.store : inPlace).readAll(...call),
    };
    world.answers.push({ outcome: 'transient', code: '500', detail: '' });
    let refused = 0;
    const error = (): void => void (refused += 1);
    const { list } = await world.worker({ store, logger: { ...silentLogger, error } });
    const first = await world.notify({ userId: 1 });
    await until('its first attempt is over', () => list.get(first.id)?.attempts === 1);
    await world.when(first, 'it waits', ({ phase }) => phase.status === 'waiting');
    const earlier = await eventsOf(world.store);
    const second = await world.notify({ userId: 2 });
    await until('another is delivered', () => list.get(second.id)?.status === 'delivered');
    const copy = await restoredFrom(earlier);
    inPlace = copy;
    await world.toNextDue(first);
    await until('an attempt in the copy is refused', () => refused === 1);
    expect(await countOf(copy, 'AttemptStarted')).toBe(2);
    inPlace = world.store;
    await until('the first is delivered', () => {
      world.time.advance(1_000);
      return list.get(first.id)?.status === 'delivered';
    });
    expect(world.calls.map(({ notice }) => [notice.userId, notice.attempt])).toEqual([
      ['1', 1],
      ['2', 1],
      ['1', 2],
    ]);
  });

  it('leaves the mark of a user whose skipped deliveries are redriven', async () => {
    const time = virtualTime();
    const marks = [{ userId: 'user1', since: 1n }];
    let isSame = false;
    const process = redriveSkippedProcess({
      index: { marks: () => marks, unmark: () => marks.splice(0), list: () => [] } as never,
      records: deliveryContext({ store: memoryStore(), runtime: time }),
      runtime: time,
      marked: wakeSignal(),
      findChannel: () => Promise.resolve({ kind: 'closed', reason: 'no_channel' }),
      isSameLog: () => Promise.resolve(isSame),
    });
    const stop = new AbortController();
    const reasons: string[] = [];
    const report = { works: () => undefined, waits: (reason: string) => void reasons.push(reason) };
    const running = process.run(stop.signal, report);
    await until('it has looked', () => reasons.length > 0);
    expect(reasons[0]).toContain('lacks events');
    expect(marks).toHaveLength(1);
    isSame = true;
    await until('it looks again', () => {
      time.advance(30_000);
      return marks.length === 0;
    });
    stop.abort();
    await running;
  });
});

/** Hands over each notification that the projector has sent, once. */
function handingOver({ output, store }: World, answers: unknown[]): RequestQueue {
  return {
    async run({ handle }) {
      const { output: recorded } = await readControl(store, kernel);
      if (recorded === undefined) throw new Error('nothing was sent');
      for (const { sequence, subject, headers } of output.messages) {
        if (!subject.startsWith('notification.')) continue;
        answers.push(await handle({ sequence, subject, headers }));
      }
    },
  };
}
