// The event store or the output goes away while nothing is to do, and while something is.
import { describe, expect, it } from 'vitest';
import type { EventStore, SubscriptionEntry } from '../../src/domain/ports/event-store.ts';
import type { Output } from '../../src/projections/output.ts';
import { until } from '../support/until.ts';
import { anInput, makeWorld, raised, type World } from '../support/world.ts';

type Line = { readonly level: string; readonly message: string };

/** A store whose subscription can be cut: then nothing comes until it is joined again. */
function cutStore(store: EventStore) {
  let because: string | undefined;
  let wake = (): void => undefined;
  const changed = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  async function* entries(
    options: Parameters<EventStore['subscribeAll']>[0],
  ): AsyncGenerator<readonly SubscriptionEntry[]> {
    const pages = store.subscribeAll(options)[Symbol.asyncIterator]();
    let next = pages.next();
    let reason: string | undefined;
    for (;;) {
      const moved = changed();
      // A cut that came while a page was used counts too.
      const isNews = because !== reason;
      const page = isNews
        ? undefined
        : await Promise.race(reason === undefined ? [next, moved] : [moved]);
      if (page === undefined) {
        const now = because;
        if (now !== reason && now !== undefined) yield [{ kind: 'disconnected', reason: now }];
        if (now !== reason && now === undefined) yield [{ kind: 'connected' }];
        reason = now;
        continue;
      }
      if (page.done === true) return;
      yield page.value;
      next = pages.next();
    }
  }
  return {
    store: { ...store, subscribeAll: entries } satisfies EventStore,
    cut: (reason: string) => {
      because = reason;
      wake();
    },
    join: () => {
      because = undefined;
      wake();
    },
  };
}

async function running(
  world: World,
  store: EventStore,
  elapsed: () => number,
  output: Output = world.output,
) {
  const lines: Line[] = [];
  const log =
    (level: string) =>
    (_fields: object, message: string): void => {
      lines.push({ level, message });
    };
  const logger = {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
  };
  const projector = world.projector({ store, logger, elapsed, output });
  const stop = new AbortController();
  const run = projector.run(stop.signal);
  await until('caught up', () => projector.status().caughtUp);
  return { projector, lines, stop, run };
}

describe('projector whose event store is away', () => {
  it('is not caught up, says so with the time, and writes a line at the loss, every hour and at the return', async () => {
    const world = await makeWorld();
    await raised(world.kernel, anInput(1));
    const cut = cutStore(world.store);
    let now = 0;
    const { projector, lines, stop, run } = await running(world, cut.store, () => now);
    now += 5 * 60 * 60 * 1000;
    expect(projector.status()).toMatchObject({ storeAway: undefined, stalledSeconds: 0 });
    cut.cut('refused');
    await until('away', () => projector.status().storeAway !== undefined);
    now += 12_000;
    expect(projector.status()).toMatchObject({
      caughtUp: false,
      storeAway: { seconds: 12, reason: 'refused' },
      stalledSeconds: 12,
    });
    now += 60 * 60 * 1000;
    await until('the hourly line', () => lines.some(({ message }) => message.includes('still')));
    await raised(world.kernel, anInput(2, { userId: 2 }));
    cut.join();
    await until('back', () => projector.status().caughtUp && world.output.messages.length === 4);
    const about = lines.filter(({ message }) => message.includes('event store'));
    expect(about).toEqual([
      { level: 'warn', message: 'the event store is away; trying again until it is back' },
      { level: 'warn', message: 'the event store is still away' },
      { level: 'info', message: 'the event store is back' },
    ]);
    stop.abort();
    await run;
  });
});

describe('projector whose event store is away for one reason after the other', () => {
  it('says the reason of the moment, and writes one line for each', async () => {
    const world = await makeWorld();
    const cut = cutStore(world.store);
    let now = 0;
    const { projector, lines, stop, run } = await running(world, cut.store, () => now);
    for (const reason of ['refused', 'the user is disabled', 'refused', 'the user is disabled']) {
      cut.cut(reason);
      now += 1_000;
      await until(reason, () => projector.status().storeAway?.reason === reason);
    }
    expect(projector.status().storeAway?.seconds).toBeGreaterThanOrEqual(3);
    cut.join();
    await until('back', () => projector.status().caughtUp);
    const about = lines.filter(({ message }) => message.includes('event store'));
    expect(about.map(({ message }) => message)).toEqual([
      'the event store is away; trying again until it is back',
      'the event store is away for another reason',
      'the event store is back',
    ]);
    stop.abort();
    await run;
  });
});

describe('projector whose output is away', () => {
  it('counts the stall from the first event that waits, not from the last message', async () => {
    const world = await makeWorld();
    await raised(world.kernel, anInput(1));
    let now = 0;
    const { projector, stop, run } = await running(world, world.store, () => now);
    now += 5 * 60 * 60 * 1000;
    world.output.disconnect();
    await raised(world.kernel, anInput(2, { userId: 2 }));
    await until('it waits', () => projector.status().phase === 'waiting');
    now += 31_000;
    const { caughtUp, stalledSeconds } = projector.status();
    expect(caughtUp).toBe(false);
    expect(stalledSeconds).toBe(31);
    stop.abort();
    await run;
  });

  it('counts the lag from the first event that waits, also while it tries to connect', async () => {
    const world = await makeWorld();
    await raised(world.kernel, anInput(1));
    let isFrozen = false;
    const output: Output = {
      stream: world.output.stream,
      connect: (signal) =>
        isFrozen
          ? new Promise((_, reject) => {
              signal?.addEventListener('abort', () => {
                reject(new Error('stopped'));
              });
            })
          : world.output.connect(signal),
    };
    const { projector, stop, run } = await running(world, world.store, () => 0, output);
    world.clock.advance(60 * 60 * 1000);
    isFrozen = true;
    world.output.disconnect();
    await raised(world.kernel, anInput(2, { userId: 2 }));
    await until('it connects', () => {
      const { epochs, phase } = projector.status();
      return epochs === 2 && phase === 'running';
    });
    world.clock.advance(31_000);
    expect(projector.status().lagSeconds).toBeLessThan(60);
    stop.abort();
    await run;
  });
});
