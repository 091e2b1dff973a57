// `tocsin store copy` from the embedded store to a server: killed in the middle and run again. The projection
// continues with the copy.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { embeddedReader } from '../../src/adapters/eventstore/embedded/store.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { anEvent } from '../../src/facade/contracts/event-store-support.ts';
import type { Cli } from '../support/cli.ts';
import { faultyLink } from '../support/faulty-link.ts';
import { testPartition } from '../support/partition.ts';
import { raiseLine } from '../support/lines.ts';
import { until } from '../support/until.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

type Log = Pick<EventStore, 'readAll'>;

async function eventsOf(log: Log): Promise<readonly RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const page of log.readAll({ direction: 'forwards', prefixes: [] }))
    events.push(...page);
  return events;
}

const contents = (events: readonly RecordedEvent[]): unknown[] =>
  events.map(({ position, ...rest }) => [typeof position.commit, rest]);

/** A front on an empty file. */
async function served(cli: Cli, name: string): Promise<string> {
  const server = cli.start(
    ['store', '--store', `embedded:${cli.path(name)}`, '--listen', '127.0.0.1:0', '--json'],
    { open: true },
  );
  const line = await server.says(/\{"event":"serving".*\}/);
  return z.object({ url: z.string() }).parse(JSON.parse(line[0])).url;
}

describe('tocsin store copy', () => {
  test(
    'gives the same log after a kill and a second run, and the projection continues with it',
    { timeout: SLOW_TEST_MS },
    async () => {
      await using partition = await testPartition();
      const { cli } = partition;
      const users = 300;
      await partition.raise(1, users);
      expect(await partition.project()).toMatchObject({ document: { published: users } });
      const url = await served(cli, 'cluster.db');
      await using target = eventStoreDb({ connectionString: url });
      const copyTo = (to: string): string[] => [
        'store',
        'copy',
        '--store',
        'embedded:var/store.db',
        '--to',
        to,
      ];

      // Slow, so that the kill comes before the end.
      await using link = await faultyLink(Number(new URL(url).port));
      link.delay(10);
      const running = cli.start(copyTo(`esdb://127.0.0.1:${link.port}?tls=false`));
      await until('a part of the copy', async () => {
        if (running.isOver()) throw new Error(`too quick: ${running.stderr()}`);
        return (await eventsOf(target)).length > 100;
      });
      running.kill('SIGKILL');
      await running.ended();
      const { code, document } = await cli.json(copyTo(url));
      expect(code).toBe(0);
      await using source = embeddedReader(cli.path('var/store.db'));
      const originals = await eventsOf(source);
      const copies = await eventsOf(target);
      expect(contents(copies.slice(0, -1))).toEqual(contents(originals));
      expect(copies.at(-1)).toMatchObject({ stream: 'tocsin.copied-1', type: 'LogCopied' });
      const Result = z.object({
        events: z.int(),
        found: z.int(),
        copied: z.int(),
        verified: z.int(),
      });
      const result = Result.parse(document);
      expect(result.events).toBe(originals.length);
      expect(result.found).toBeGreaterThan(100);
      expect(result.verified).toBe(result.copied);

      // With the state file of the embedded store: no message twice, and then the new messages.
      const before = (await partition.stream.last())?.sequence ?? 0;
      expect((await partition.project('--store', url)).document).toMatchObject({ published: 0 });
      expect((await partition.stream.last())?.sequence).toBe(before);
      const raise = ['raise', '--store', url, '--file', '-'];
      const raised = await cli.json(raise, { input: `${raiseLine(10_000)}\n` });
      expect(raised.document).toMatchObject({ raised: 1 });
      await partition.project('--store', url);
      expect((await partition.stream.last())?.sequence).toBe(before + 2);
    },
  );

  test(
    'records each copy, so that audits know the messages that were sent before',
    { timeout: SLOW_TEST_MS },
    async () => {
      await using partition = await testPartition();
      const { cli, nats } = partition;
      await partition.raise(1, 20);
      await partition.project();
      /** Copies the log, and goes on with the copy and a new state file. */
      const moveTo = async (from: string, to: string, user: number): Promise<string[]> => {
        const copied = await cli.call(['store', 'copy', '--store', from, '--to', to]);
        expect(copied).toMatchObject({ code: 0, stderr: '' });
        const before = (await partition.stream.last())?.sequence ?? 0;
        const files = ['--store', to, '--state', `var/state-${user}.db`];
        expect((await partition.project(...files)).document).toMatchObject({ published: 0 });
        expect((await partition.stream.last())?.sequence).toBe(before);
        const raise = ['raise', '--store', to, '--file', '-'];
        expect(await cli.json(raise, { input: `${raiseLine(user)}\n` })).toMatchObject({ code: 0 });
        await partition.project(...files);
        expect((await partition.stream.last())?.sequence).toBe(before + 2);
        return files;
      };
      const audit = (what: string, files: readonly string[]) =>
        cli.call(['audit', what, '--nats', nats.url, ...files]);
      const url = await served(cli, 'cluster.db');
      const files = await moveTo('embedded:var/store.db', url, 21);
      expect(await audit('verify', files)).toMatchObject({
        code: 0,
        document: { mismatches: [], published: 21, messages: { compared: 42, foreign: 0 } },
      });
      // And back into another file: a copy of a copy.
      const again = await moveTo(url, 'embedded:var/back.db', 22);
      expect(await audit('verify', again)).toMatchObject({
        code: 0,
        document: { mismatches: [], published: 22, messages: { compared: 44, foreign: 0 } },
      });
      expect(await audit('rebuild', again)).toMatchObject({ code: 0, document: { published: 22 } });
    },
  );

  test('does not change a target that holds other events', { timeout: SLOW_TEST_MS }, async () => {
    await using partition = await testPartition();
    const { cli } = partition;
    await partition.raise(1, 2);
    const url = await served(cli, 'other.db');
    await using target = eventStoreDb({ connectionString: url });
    await target.append('mine', 'no_stream', [anEvent(0)]);
    const copy = ['store', 'copy', '--store', 'embedded:var/store.db', '--to', url];
    const refused = await cli.json(copy);
    expect(refused).toMatchObject({ code: 4, document: { error: { code: 'target_differs' } } });
    expect(await eventsOf(target)).toHaveLength(1);
    // With a prefix the command reads only the streams of that prefix.
    expect(await cli.run([...copy, '--prefix', 'tocsin.'])).toMatchObject({ code: 0, stderr: '' });
    const away = await cli.json([...copy.slice(0, -1), 'esdb://127.0.0.1:1?tls=false']);
    expect(away).toMatchObject({ code: 3, document: { error: { code: 'store_unavailable' } } });
  });
});
