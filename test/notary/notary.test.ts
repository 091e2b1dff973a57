// The notary: what it signs, what it refuses to sign, and what a crash leaves.
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headsFile } from '../../src/adapters/notary/heads-file.ts';
import { headsWebhook } from '../../src/adapters/notary/heads-webhook.ts';
import { sqliteNotaryState } from '../../src/adapters/sqlite/notary-state.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { openNotary, type NotaryOptions } from '../../src/kernel/open-notary.ts';
import type { ReadableLog } from '../../src/projections/audit/reading/ports.ts';
import { parseHead, signednessOf, type TreeHead } from '../../src/projections/notary/head.ts';
import { leafOf } from '../../src/projections/notary/leaf.ts';
import { CHUNK, type NotaryState } from '../../src/projections/notary/state.ts';
import { rootOf } from '../../src/projections/notary/tree.ts';
import { heldHeads, testFolder, testKey } from '../support/notary.ts';
import { until } from '../support/until.ts';
import { anInput, eventsOf, makeWorld, raised, type World } from '../support/world.ts';

const never = new AbortController().signal;

/** A log of given events, as they are now. */
function logOf(events: () => readonly RecordedEvent[]): ReadableLog {
  return {
    async *readAll({ direction, from, maxCount = Infinity }) {
      await Promise.resolve();
      const all = direction === 'forwards' ? events() : events().toReversed();
      const start = all.findIndex(({ position }) =>
        direction === 'forwards'
          ? position.commit > (from?.commit ?? -1n)
          : from === undefined || position.commit < from.commit,
      );
      if (start < 0) return;
      const wanted = all.slice(start, start + maxCount);
      for (let at = 0; at < wanted.length; at += 100) yield wanted.slice(at, at + 100);
    },
    async *readStream(stream, { from = 0n, maxCount = Infinity }) {
      await Promise.resolve();
      const own = events().filter((each) => each.stream === stream && each.revision >= from);
      yield own.slice(0, maxCount);
    },
  };
}

async function realEvents(count: number): Promise<readonly RecordedEvent[]> {
  const { kernel, store }: World = await makeWorld();
  for (let n = 1; n <= count; n += 1) await raised(kernel, anInput(n, { payload: { n } }));
  return eventsOf(store);
}

/** Real events, repeated under other ids until there are so many. */
function many(events: readonly RecordedEvent[], count: number): RecordedEvent[] {
  return Array.from({ length: count }, (_, n) => {
    const event = events[n % events.length] ?? expect.fail('there are events');
    if (n < events.length) return event;
    const at = { commit: BigInt(n) * 1_000_000n, prepare: BigInt(n) * 1_000_000n };
    return {
      ...event,
      stream: `tocsin.trigger-00-${n}`,
      revision: 0n,
      position: at,
      id: `id-${n}`,
    };
  });
}

const root = (events: readonly RecordedEvent[]): string =>
  Buffer.from(rootOf(events.map(leafOf))).toString('hex');

function notaryOn(
  events: () => readonly RecordedEvent[],
  state: NotaryState,
  more: Partial<NotaryOptions> = {},
) {
  const { signer } = testKey();
  return openNotary({ log: logOf(events), state, signer, outputs: [], pollMs: 1, ...more });
}

const stateIn = (folder: string) => sqliteNotaryState({ file: join(folder, 'notary.db') });

describe('Notary', () => {
  it('signs the root of all events of the kernel, and a head again only when there are more', async () => {
    const events = await realEvents(2);
    using state = stateIn(testFolder());
    const key = testKey();
    const output = heldHeads();
    const notary = notaryOn(() => events, state, { signer: key.signer, outputs: [output] });
    const head = (await notary.once(never)) ?? expect.fail('the log has events');
    expect(head).toMatchObject({ size: events.length, root: root(events) });
    expect(signednessOf(head, key.keys)).toBe('valid');
    expect(signednessOf({ ...head, size: head.size + 1 }, key.keys)).toBe('invalid');
    expect(signednessOf(head, testKey().keys)).toBe('unknown_key');
    expect(await notary.once(never)).toEqual(head);
    expect(output.held).toEqual([head]);
  });

  it('has nothing to sign in an empty log', async () => {
    using state = stateIn(testFolder());
    expect(await notaryOn(() => [], state).once(never)).toBeUndefined();
  });

  it('needs only one hash for each bit of its size to go on, over the borders of chunks', async () => {
    const all = many(await realEvents(3), 2 * CHUNK + 50);
    using state = stateIn(testFolder());
    for (const size of [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, all.length]) {
      const head = await notaryOn(() => all.slice(0, size), state).once(never);
      expect(head).toMatchObject({ size, root: root(all.slice(0, size)) });
    }
    const { place } = state.read() ?? expect.fail('it has read');
    expect(place.peaks.length).toBeLessThanOrEqual(12);
    expect(state.roots()).toHaveLength(2);
  });

  it('refuses to sign when its last event is gone, when an event changed, and for another log', async () => {
    const all = [...(await realEvents(3))];
    using state = stateIn(testFolder());
    await notaryOn(() => all.slice(0, -1), state).once(never);
    const shorter = notaryOn(() => all.slice(0, -3), state);
    await expect(shorter.once(never)).rejects.toMatchObject({ code: 'log_changed' });
    const changed = all.with(4, { ...(all[4] ?? expect.fail()), metadata: { actor: 'mallory' } });
    const rewritten = notaryOn(() => changed, state);
    await expect(rewritten.once(never)).rejects.toMatchObject({
      code: 'log_changed',
      message: expect.stringContaining('leaf 4 ') as string,
    });
    const other = await realEvents(3);
    await expect(notaryOn(() => other, state).once(never)).rejects.toMatchObject({
      code: 'notary_of_other_log',
    });
    expect(state.lastHead()?.head.size).toBe(all.length - 1);
  });

  it('does not take back a head that it has given when its state is lost', async () => {
    const events = await realEvents(3);
    const output = heldHeads();
    using first = stateIn(testFolder());
    await notaryOn(() => events, first, { outputs: [output] }).once(never);
    const removed = events.filter((_, at) => at !== 5);
    using second = stateIn(testFolder());
    const again = notaryOn(() => removed, second, { outputs: [output] });
    await expect(again.once(never)).rejects.toMatchObject({ code: 'head_inconsistent' });
    using third = stateIn(testFolder());
    const whole = notaryOn(() => events, third, { outputs: [output] });
    expect(await whole.once(never)).toMatchObject({ root: output.held[0]?.root });
  });

  it('two notaries never sign heads that are inconsistent, whatever crashes between', async () => {
    const all = many(await realEvents(3), 60);
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            who: fc.constantFrom(0, 1),
            grow: fc.nat(9),
            crash: fc.constantFrom(undefined, 'commit', 'addHead', 'gave'),
          }),
          { maxLength: 12 },
        ),
        async (steps) => {
          const held: TreeHead[] = [];
          const states = [stateIn(testFolder()), stateIn(testFolder())];
          let size = 2;
          try {
            for (const { who, grow, crash } of steps) {
              size = Math.min(all.length, size + grow);
              const state = states[who] ?? expect.fail('two notaries');
              const broken: NotaryState = crash === undefined ? state : crashing(state, crash);
              const notary = notaryOn(() => all.slice(0, size), broken, {
                outputs: [heldHeads(held)],
              });
              await notary.once(never).catch((error: unknown) => {
                expect(error).toMatchObject({ message: expect.stringMatching(/crash/) as string });
              });
            }
            for (const head of held) expect(head.root).toBe(root(all.slice(0, head.size)));
          } finally {
            for (const state of states) state[Symbol.dispose]();
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it('goes on until its signal, and tells which output takes no heads', async () => {
    const events = await realEvents(1);
    using state = stateIn(testFolder());
    const stop = new AbortController();
    const waits: string[] = [];
    const broken = {
      name: 'away',
      give: () => Promise.reject(new Error('nobody is there')),
    };
    const good = heldHeads();
    const notary = notaryOn(() => events, state, { outputs: [broken, good] });
    const report = { works: () => undefined, waits: (reason: string) => void waits.push(reason) };
    const running = notary.run(stop.signal, report);
    await until('a wait', () => waits.length > 0);
    expect(waits[0]).toBe('away: nobody is there');
    expect(good.held).toHaveLength(1);
    stop.abort();
    await running;
  });
});

/** The state of a process that dies at its next call of this method, before or after its effect. */
function crashing(state: NotaryState, at: 'commit' | 'addHead' | 'gave'): NotaryState {
  return {
    ...state,
    [at]: (...args: unknown[]) => {
      // A commit dies before its effect, and the others after it.
      if (args.length < 3) Reflect.apply(Reflect.get(state, at) as () => void, state, args);
      throw new Error('crash');
    },
  };
}

describe('headsFile', () => {
  it('holds the heads and the leaves between them, without what a crash left', async () => {
    const all = many(await realEvents(3), 40);
    const folder = testFolder();
    using state = stateIn(folder);
    const file = join(folder, 'heads.ndjson');
    for (const size of [10, 25, 40]) {
      await notaryOn(() => all.slice(0, size), state, { outputs: [headsFile(file)] }).once(never);
      appendFileSync(file, '{"format":"tocsin-tr');
    }
    await headsFile(file).give(
      (await headsFile(file).lastHead?.()) ?? expect.fail('a head'),
      () => [],
      never,
    );
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    const heads = lines.flatMap((line) => parseHead(line) ?? []);
    expect(heads.map(({ size }) => size)).toEqual([10, 25, 40]);
    expect(lines).toHaveLength(6);
  });
});

describe('headsWebhook', () => {
  it('posts heads, and fails for an answer that is no success', async () => {
    const bodies: string[] = [];
    let status = 204;
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        bodies.push(body);
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    const output = headsWebhook(`http://127.0.0.1:${port}/heads?secret=1`);
    expect(output.name).not.toContain('secret');
    using state = stateIn(testFolder());
    const events = await realEvents(1);
    const head = await notaryOn(() => events, state, { outputs: [output] }).once(never);
    expect(bodies.map(parseHead)).toEqual([head]);
    status = 500;
    const giving = output.give(head ?? expect.fail('a head'), () => [], never);
    await expect(giving).rejects.toMatchObject({ code: 'heads_webhook_away' });
    await new Promise((closed) => server.close(closed));
    expect(() => headsWebhook('ftp://x')).toThrow('no http');
  });
});
