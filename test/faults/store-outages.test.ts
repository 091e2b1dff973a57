// A hundred faults between the product and its store, under load: the store killed and started again, the
// connection cut, reset, delayed, silenced and refused. Every raise is answered in time, nothing is lost
// or doubled, and the daemon goes on by itself.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import { openKernel, type Kernel } from '../../src/kernel/open-kernel.ts';
import { frontProcess } from '../adapters/front.support.ts';
import { testCli } from '../support/cli.ts';
import { faultyLink, type FaultyLink } from '../support/faulty-link.ts';
import { rawStream } from '../support/jetstream.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { seededRandom } from '../support/random.ts';
import { until, untilStalled } from '../support/until.ts';
import { anInput, eventsOf } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { LONG_PROOF_MS } from '../support/timeouts.ts';

const FAULTS = 100;
/** Every so many faults are kills; the others are of the connection. */
const KILL_EVERY = 12;
const SIDES = 8;
const SEED = 20_261_124;

const DEADLINE_MS = 1_500;
/** For a machine that is busy with other things. A raise that hung would take many times as long. */
const LATE_MS = 4_000;

type Answer = { readonly n: number; readonly outcome: string; readonly triggerId?: string };

/** Raises without pause from several sides, one request after the other on each, until the stop. */
function load(kernel: Kernel) {
  const answers: Answer[] = [];
  const open = new Set<number>();
  let [next, stopped, slowest] = [0, false, 0];
  // One window for all: without a key, a repeat in the next window is another trigger.
  const requestedAt = new Date().toISOString();
  const raiseOne = async (n: number): Promise<Answer> => {
    const key = n % 4 === 0 ? { idempotencyKey: `key-${n}` } : {};
    const input = anInput(n, { userId: n, requestedAt, ...key });
    const begun = performance.now();
    try {
      const result = await kernel.raise(input, { deadlineMs: DEADLINE_MS });
      const triggerId = 'triggerId' in result ? result.triggerId : undefined;
      return { n, outcome: result.outcome, ...(triggerId === undefined ? {} : { triggerId }) };
    } catch (error) {
      if (error instanceof TocsinError && error.kind === 'unavailable') {
        return { n, outcome: error.kind };
      }
      throw error;
    } finally {
      slowest = Math.max(slowest, performance.now() - begun);
    }
  };
  const side = async (): Promise<void> => {
    while (!stopped) {
      next += 1;
      const n = next;
      open.add(n);
      const answer = await raiseOne(n);
      answers.push(answer);
      if (answer.outcome === 'raised' || answer.outcome === 'duplicate') open.delete(n);
    }
  };
  const sides = Promise.all(Array.from({ length: SIDES }, side));
  return {
    answers,
    raised: () => answers.filter(({ outcome }) => outcome === 'raised').length,
    slowest: () => slowest,
    async stop() {
      stopped = true;
      await sides;
      // Whoever got no answer asks again, as callers do.
      for (const n of open) {
        const { outcome } = await raiseOne(n);
        if (outcome !== 'raised' && outcome !== 'duplicate') throw new Error(`${n}: ${outcome}`);
      }
      return next;
    },
  };
}

/** One fault of the connection; it is over when this resolves. */
async function disturb(link: FaultyLink, random: () => number): Promise<string> {
  const ms = 20 + Math.floor(random() * 100);
  const kind = random();
  if (kind < 0.3) link.cut();
  else if (kind < 0.55) link.reset();
  else if (kind < 0.75) {
    link.delay(ms);
    await sleep(2 * ms);
    link.delay(0);
  } else if (kind < 0.9) {
    link.silence(true);
    await sleep(ms);
    if (random() < 0.5) link.reset();
    link.silence(false);
  } else {
    link.refuse(true);
    await sleep(ms);
    link.refuse(false);
  }
  return kind < 0.3 ? 'cut' : kind < 0.55 ? 'reset' : kind < 0.9 ? 'late' : 'refused';
}

test(
  `raises are answered in time and stored once under ${FAULTS} faults of the store and its connection`,
  { timeout: LONG_PROOF_MS },
  async () => {
    await using cli = testCli();
    await using nats = await testNatsServer();
    await using stream = await rawStream(nats.url);
    const file = cli.path('store.db');
    let front = await frontProcess(file);
    const port = Number(new URL(front.url.replace('esdb', 'http')).port);
    await using link = await faultyLink(port);
    const url = `esdb://127.0.0.1:${link.port}?tls=false`;
    await using store = eventStoreDb({ connectionString: url });
    await using kernel = await openKernel({ ...scheduleProduct, store });
    const daemon = cli.start(['project', '--store', url, '--nats', nats.url]);
    await daemon.says(/output opened/);

    const random = seededRandom(SEED);
    const work = load(kernel);
    const counts: Record<string, number> = {};
    for (let fault = 0; fault < FAULTS; fault += 1) {
      // Every fault meets a product that works again.
      const before = work.raised();
      await until('raises that succeed', () => work.raised() >= before + SIDES / 2);
      let kind = 'killed';
      if (fault % KILL_EVERY === 4) {
        await front.killed();
        front = await frontProcess(file, port);
      } else {
        kind = await disturb(link, random);
      }
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    const total = await work.stop();
    process.stdout.write(
      `store outages (seed ${SEED}): ${JSON.stringify(counts)}, ${total} raises, ` +
        `slowest answer ${Math.round(work.slowest())} ms\n`,
    );
    expect(counts['killed']).toBeGreaterThanOrEqual(8);
    expect(work.slowest()).toBeLessThan(DEADLINE_MS + LATE_MS);

    // Nothing lost and nothing twice, in the log.
    const triggers = (await eventsOf(store)).filter(({ type }) => type === 'TriggerRaised');
    expect(triggers).toHaveLength(total);
    const ids = new Set(triggers.map(({ id }) => id));
    expect(ids.size).toBe(total);
    const streams = new Set(triggers.map((event) => event.stream));
    expect(streams.size).toBe(total);

    // And in JetStream, by a daemon that nobody touched.
    const sent = async (): Promise<number> => (await stream.last())?.sequence ?? 0;
    await untilStalled('the daemon to have sent everything', sent, async () => {
      if (daemon.isOver()) throw new Error(`the daemon ended: ${daemon.stdout()}`);
      return (await sent()) >= 2 * total;
    });
    const messages = await stream.all();
    expect(messages.map(({ ordinal }) => Number(ordinal))).toEqual(
      Array.from({ length: 2 * total }, (_, i) => i + 1),
    );
    expect(new Set(messages.map(({ id }) => id)).size).toBe(2 * total);
    daemon.kill('SIGTERM');
    expect((await daemon.ended()).code).toBe(0);
  },
);
