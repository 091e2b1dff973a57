// relayRaises: requests of a host's transaction, raised once each.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTrigger } from '../../src/index.ts';
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';
import { silentLogger } from '../../src/domain/ports/logger.ts';
import { relayRaises } from '../../src/kernel/relay/relay.ts';
import type { Call } from '../../src/kernel/decider/decider.ts';
import type { RaiseSource } from '../../src/kernel/relay/raise-source.ts';
import { until } from '../support/until.ts';
import { virtualTime } from '../support/virtual-time.ts';
import { anInput, eventsOf, makeWorld, type World } from '../support/world.ts';
import { sqliteHost, type Host } from './relay.support.ts';

let host: Host;
let world: World;
beforeEach(async () => {
  host = sqliteHost();
  world = await makeWorld();
});
afterEach(() => {
  host[Symbol.dispose]();
});

const once = { once: true, pollMs: 1 } as const;

/** The targets of the triggers, in log order. */
async function targetsInLog({ store } = world): Promise<unknown[]> {
  const events = await eventsOf(store);
  return events
    .filter(({ type }) => type === 'TriggerRaised')
    .map(({ data }) => (data as { targetId: unknown }).targetId);
}

test('relayRaises raises committed requests and settles them', async () => {
  host.addTask(anInput(1));
  host.addTask(anInput(2, { userId: 'ann' }));
  expect(await relayRaises(host.source, world.kernel, once)).toEqual({
    raised: 2,
    duplicates: 0,
    rejected: 0,
    left: 0,
  });
  expect(await targetsInLog()).toEqual(['1', '2']);
  expect(host.results()).toMatchObject([{ outcome: 'raised' }, { outcome: 'raised' }]);
});

test('relayRaises takes a payload with and without a default for the same request', async () => {
  const payload = z.object({ amount: z.number(), currency: z.string().default('EUR') });
  const overdue = defineTrigger({ type: 'invoice_overdue', targets: ['invoice'], payload });
  world = await makeWorld({ kernel: { triggers: [overdue] } });
  const request = { userId: 1, triggerType: 'invoice_overdue', targetId: 'i', idempotencyKey: 'k' };
  await world.kernel.raise({ ...request, payload: { amount: 1 } });
  host.addTask({ ...request, payload: { amount: 1, currency: 'EUR' } });
  host.addTask({ ...request, payload: { amount: 1, currency: 'USD' } });
  expect(await relayRaises(host.source, world.kernel, once)).toMatchObject({
    duplicates: 1,
    rejected: 1,
  });
});

test('relayRaises does not raise a request that was rolled back', async () => {
  expect(() => {
    host.addTask(anInput(1), { fails: true });
  }).toThrow('thought again');
  host.addTask(anInput(2));
  expect(await relayRaises(host.source, world.kernel, once)).toMatchObject({ raised: 1 });
  expect(host.tasks()).toBe(1);
  expect(await targetsInLog()).toEqual(['2']);
});

test('relayRaises settles a rejected request with its reasons, and goes on', async () => {
  host.addTask(anInput(1, { triggerType: 'unheard_of' }));
  host.addTask(anInput(2, { targetId: -5 }));
  host.addTask({} as RaiseInput);
  host.addTask(anInput(3, { idempotencyKey: 'same' }));
  host.addTask(anInput(4, { idempotencyKey: 'same' }));
  host.addTask(anInput(5));
  expect(await relayRaises(host.source, world.kernel, once)).toEqual({
    raised: 2,
    duplicates: 0,
    rejected: 4,
    left: 0,
  });
  expect(host.results()).toMatchObject([
    { outcome: 'rejected', code: 'unknown_trigger_type' },
    { outcome: 'rejected', code: 'invalid_field', issues: [{ field: 'targetId' }] },
    { outcome: 'rejected', code: 'invalid_field' },
    { outcome: 'raised' },
    { outcome: 'idempotency_conflict' },
    { outcome: 'raised' },
  ]);
});

describe('relayRaises after a crash between raise and settled', () => {
  test('has no second effect long after the trigger’s window', async () => {
    host.addTask(anInput(1));
    const dying: RaiseSource = {
      ...host.source,
      settled: () => Promise.reject(new Error('power cut')),
    };
    await expect(relayRaises(dying, world.kernel, once)).rejects.toThrow('power cut');
    const [before] = await targetsInLog();
    world.clock.advance(365 * 24 * 60 * 60 * 1000);
    expect(await relayRaises(host.source, world.kernel, once)).toMatchObject({ duplicates: 1 });
    expect(await targetsInLog()).toEqual([before]);
    expect(host.results()).toMatchObject([{ outcome: 'duplicate', duplicate: true }]);
  });

  test('has no second effect at any crash point', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ user: fc.nat(3), crash: fc.constantFrom('', 'before', 'after') }), {
          maxLength: 12,
        }),
        fc.integer({ min: 1, max: 4 }),
        async (rows, batch) => {
          using other = sqliteHost();
          const elsewhere = await makeWorld();
          rows.forEach(({ user }, index) => {
            other.addTask(anInput(index + 1, { userId: user + 1 }));
          });
          const crashes = rows.map(({ crash }) => crash);
          const mortal: RaiseSource = {
            ...other.source,
            settled(results, signal) {
              const crash = crashes.pop();
              if (crash === 'before') throw new Error('killed');
              void other.source.settled(results, signal);
              if (crash === 'after') throw new Error('killed');
            },
          };
          for (let runs = 0; other.outcomes().includes(null); runs++) {
            expect(runs).toBeLessThanOrEqual(rows.length);
            await relayRaises(mortal, elsewhere.kernel, { ...once, batch }).catch(() => undefined);
            elsewhere.clock.advance(3_600_000);
          }
          const targets = await targetsInLog(elsewhere);
          expect(targets).toHaveLength(rows.length);
          for (const user of [0, 1, 2, 3]) {
            const own = rows.flatMap((row, index) =>
              row.user === user ? [String(index + 1)] : [],
            );
            expect(targets.filter((target) => own.includes(String(target)))).toEqual(own);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});

test('two concurrent relays raise each request once', async () => {
  for (let n = 1; n <= 40; n++) host.addTask(anInput(n, { userId: (n % 5) + 1 }));
  const summaries = await Promise.all([
    relayRaises(host.source, world.kernel, { ...once, batch: 7 }),
    relayRaises(host.source, world.kernel, { ...once, batch: 3 }),
  ]);
  expect(await targetsInLog()).toHaveLength(40);
  // Two relays that raise the same request at the same moment may both get `raised`, with one trigger's id.
  expect(summaries.reduce((sum, { raised }) => sum + raised, 0)).toBeGreaterThanOrEqual(40);
  expect(host.outcomes()).not.toContain(null);
  const ids = new Set(host.results().map((result) => 'triggerId' in result && result.triggerId));
  expect(ids.size).toBe(40);
});

describe('idempotency keys of relayRaises', () => {
  const keysOf = async (): Promise<unknown[]> =>
    (await eventsOf(world.store))
      .filter(({ type }) => type === 'IdempotencyClaimed')
      .map(({ data }) => (data as { idempotencyKey: unknown }).idempotencyKey);

  test('are the request’s own, or made of the source’s name and the row’s key', async () => {
    const rows = [
      { key: '7', input: anInput(1) },
      { key: 'a:b c', input: anInput(2) },
      { key: 'é', input: anInput(3, { idempotencyKey: '  ' }) },
      { key: 'k'.repeat(300), input: anInput(4) },
      { key: '8', input: anInput(5, { idempotencyKey: 'mine' }) },
    ];
    const source = { name: 'app.tasks', pending: () => rows.splice(0), settled: () => undefined };
    expect(await relayRaises(source, world.kernel, once)).toMatchObject({ raised: 5 });
    expect(await keysOf()).toEqual([
      'relay:app.tasks:7',
      'relay:app.tasks:a%3Ab%20c',
      'relay:app.tasks:%C3%A9',
      'relay:a7a780da-23f7-53fc-9f43-3e7cf7417ab8',
      'mine',
    ]);
  });

  test('of two sources differ', async () => {
    using other = sqliteHost('habits');
    host.addTask(anInput(1));
    other.addTask(anInput(2));
    expect(await relayRaises(host.source, world.kernel, once)).toMatchObject({ raised: 1 });
    expect(await relayRaises(other.source, world.kernel, once)).toMatchObject({ raised: 1 });
  });
});

describe('relayRaises with a request that cannot be raised now', () => {
  test('tries again in an outage until it ends, in order', async () => {
    let isAway = false;
    const flaky = await makeWorld({
      faults: ({ kind }) =>
        isAway && kind === 'readStream' ? { fault: 'unavailable' } : undefined,
    });
    isAway = true;
    for (let n = 1; n <= 3; n++) host.addTask(anInput(n));
    const stop = new AbortController();
    const warnings: string[] = [];
    // The outage lasts longer than the deadline of a raise.
    const hasty = {
      raise: (input: RaiseInput, call?: Call) =>
        flaky.kernel.raise(input, { ...call, deadlineMs: 5 }),
    };
    const relay = relayRaises(host.source, hasty, {
      signal: stop.signal,
      pollMs: 1,
      logger: { ...silentLogger, warn: (_fields, message) => void warnings.push(message) },
    });
    await until('the second try', () => warnings.length >= 2);
    isAway = false;
    await until('all settled', () => !host.outcomes().includes(null));
    stop.abort();
    expect(await relay).toEqual({ raised: 3, duplicates: 0, rejected: 0, left: 0 });
    expect(await targetsInLog(flaky)).toEqual(['1', '2', '3']);
    expect(warnings[0]).toBe('the event store cannot be reached; trying again');
  });

  test('holds back later requests of the same user only', async () => {
    let isBroken = true;
    const picky = await makeWorld({
      kernel: {
        evaluate: ({ targetId }) => {
          if (targetId === '1' && isBroken) throw new Error('a bug of the host’s');
          return { outcome: 'offer', kind: 'reminder' };
        },
      },
    });
    host.addTask(anInput(1));
    host.addTask(anInput(2));
    for (let n = 3; n <= 9; n++) host.addTask(anInput(n, { userId: 2 }));
    // The rows of users who wait fill the whole batch.
    expect(await relayRaises(host.source, picky.kernel, { ...once, batch: 2 })).toEqual({
      raised: 7,
      duplicates: 0,
      rejected: 0,
      left: 2,
    });
    isBroken = false;
    expect(await relayRaises(host.source, picky.kernel, once)).toMatchObject({ raised: 2 });
    expect(await targetsInLog(picky)).toEqual(['3', '4', '5', '6', '7', '8', '9', '1', '2']);
  });

  test('settles a request whose evaluator throws for too long, so that its user’s later requests go on', async () => {
    const broken = new Error('a bug of the host’s');
    const picky = await makeWorld({
      kernel: {
        evaluate: ({ targetId }) => {
          if (targetId === '1') throw broken;
          return { outcome: 'offer', kind: 'reminder' };
        },
      },
    });
    for (let n = 1; n <= 3; n++) host.addTask(anInput(n));
    const logged: unknown[] = [];
    const log = (fields: object): void => void logged.push(fields);
    const logger = { ...silentLogger, warn: log, error: log };
    const stop = new AbortController();
    const { signal } = stop;
    const patient = { signal, pollMs: 1, giveUpMs: 5, logger };
    const relay = relayRaises(host.source, picky.kernel, patient);
    await until('all are settled', () => !host.outcomes().includes(null));
    stop.abort();
    expect(await relay).toMatchObject({ raised: 2, rejected: 1 });
    expect(host.outcomes()).toEqual(['rejected', 'raised', 'raised']);
    expect(host.results()[0]).toMatchObject({ code: 'evaluation_failed' });
    expect(await targetsInLog(picky)).toEqual(['2', '3']);
    // `err` is the key under which pino and others write the stack.
    expect(logged[0]).toMatchObject({ err: { cause: broken } });
  });

  test('goes on after errors of the host’s store', async () => {
    host.addTask(anInput(1));
    let failures = 4;
    const flaky = <A extends unknown[], R>(call: (...given: A) => R) => {
      return (...given: A): R => {
        failures -= 1;
        if (failures >= 0) throw new Error('database is locked');
        return call(...given);
      };
    };
    const { name } = host.source;
    const source: RaiseSource = {
      name,
      pending: flaky(host.source.pending.bind(host.source)),
      settled: flaky(host.source.settled.bind(host.source)),
    };
    const logged: unknown[] = [];
    const logger = { ...silentLogger, error: (fields: object) => void logged.push(fields) };
    const stop = new AbortController();
    const relay = relayRaises(source, world.kernel, { signal: stop.signal, pollMs: 1, logger });
    await until('it is settled', () => host.outcomes()[0] !== null);
    stop.abort();
    await relay;
    expect(await targetsInLog()).toEqual(['1']);
    expect(logged).toHaveLength(4);
    expect(logged[0]).toMatchObject({ source: 'tasks', err: { message: 'database is locked' } });
    failures = 1;
    await expect(relayRaises(source, world.kernel, once)).rejects.toThrow('database is locked');
  });

  const nothing: readonly (readonly [string, unknown, string])[] = [
    ['nothing', undefined, 'gave undefined'],
    ['null', null, 'gave null'],
    ['an object', {}, 'gave object'],
    ['rows without a key', [{ key: 'a', input: {} }, { input: {} }], 'as number 2'],
    ['rows with numbers as keys', [{ key: 7, input: {} }], 'as number 1'],
    ['rows that are null', [null], 'as number 1'],
  ];

  test.each(nothing)('waits, and says why, where `pending` gives %s', async (_w, rows, message) => {
    const time = virtualTime();
    const errors: unknown[] = [];
    let asked = 0;
    const source: RaiseSource = {
      ...host.source,
      pending() {
        asked += 1;
        // A source in JavaScript may return anything.
        return rows as never;
      },
    };
    const logger = { ...silentLogger, error: (fields: object) => void errors.push(fields) };
    const stop = new AbortController();
    const options = { signal: stop.signal, logger, runtime: time };
    const relay = relayRaises(source, world.kernel, options);
    await until('it is logged', () => errors.length > 0);
    expect(asked).toBe(1);
    expect(errors).toMatchObject([
      { source: 'tasks', err: { message: expect.stringContaining(message) as string } },
    ]);
    stop.abort();
    await relay;
    await expect(relayRaises(source, world.kernel, once)).rejects.toMatchObject({
      code: 'invalid_rows',
    });
  });

  test.each(['pending', 'settled'] as const)(
    'goes on after a `%s` that never answers, and tells it by its signal',
    async (name) => {
      const time = virtualTime();
      host.addTask(anInput(1));
      const errors: object[] = [];
      const signals: AbortSignal[] = [];
      let hangs = true;
      const source: RaiseSource = {
        ...host.source,
        [name]: (given: never, signal: AbortSignal) => {
          if (!hangs) return host.source[name](given, signal);
          signals.push(signal);
          return new Promise(() => undefined);
        },
      };
      const logger = { ...silentLogger, error: (fields: object) => void errors.push(fields) };
      const stop = new AbortController();
      const options = { signal: stop.signal, logger, runtime: time };
      const relay = relayRaises(source, world.kernel, options);
      await until('it is asked', () => signals.length > 0);
      hangs = false;
      await until('it is settled', () => {
        time.advance(1_000);
        return host.outcomes()[0] !== null;
      });
      expect(signals[0]?.aborted).toBe(true);
      expect(errors).toMatchObject([{ err: { code: 'host_timeout' } }]);
      stop.abort();
      await relay;
    },
  );

  test('stops at once while `pending` hangs, and after a while when `settled` does', async () => {
    const time = virtualTime();
    host.addTask(anInput(1));
    for (const name of ['pending', 'settled'] as const) {
      let asked = 0;
      const hangs = () => {
        asked += 1;
        return new Promise<never>(() => undefined);
      };
      const warnings: object[] = [];
      const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
      const stop = new AbortController();
      const options = { signal: stop.signal, logger, runtime: time };
      const relay = relayRaises({ ...host.source, [name]: hangs }, world.kernel, options);
      await until('it is asked', () => asked === 1);
      stop.abort();
      if (name === 'settled') time.advance(5_000);
      await relay;
      expect(warnings).toEqual(name === 'settled' ? [{ source: 'tasks', count: 1 }] : []);
    }
  });

  test('does not settle a request with the outcome unknown', async () => {
    const source = { ...host.source, settled: () => expect.fail('nothing is final') };
    host.addTask(anInput(1));
    const unknown = { outcome: 'unknown', triggerId: 'ast_', message: 'no answer' } as const;
    const conflict = { outcome: 'conflict', message: 'others' } as const;
    for (const result of [unknown, conflict]) {
      const kernel = { raise: () => Promise.resolve(result) };
      expect(await relayRaises(source, kernel, once)).toMatchObject({ left: 1 });
    }
  });
});

test('relayRaises raises new requests until the signal', async () => {
  const stop = new AbortController();
  const relay = relayRaises(host.source, world.kernel, { signal: stop.signal, pollMs: 1 });
  for (let n = 1; n <= 3; n++) {
    host.addTask(anInput(n));
    await until('it is settled', () => host.outcomes()[n - 1] === 'raised');
  }
  stop.abort();
  expect(await relay).toMatchObject({ raised: 3, left: 0 });
  host.addTask(anInput(4));
  const before = new AbortController();
  before.abort();
  await relayRaises(host.source, world.kernel, { signal: before.signal });
  expect(host.outcomes()[3]).toBeNull();
});

test('relayRaises refuses an invalid name or batch and a closed kernel', async () => {
  const relay = (name: string, batch?: number) =>
    relayRaises({ ...host.source, name }, world.kernel, { ...once, batch: batch ?? 1 });
  await expect(relay('no spaces')).rejects.toMatchObject({ code: 'invalid_relay' });
  await expect(relay('ok', 0)).rejects.toMatchObject({ code: 'invalid_relay' });
  await expect(relay('ok', 10_001)).rejects.toMatchObject({ code: 'invalid_relay' });
  host.addTask(anInput(1));
  await world.kernel.close();
  await expect(relay('ok')).rejects.toMatchObject({ code: 'kernel_closed' });
});
