import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  all,
  allForwards,
  anEvent,
  events,
  idsOf,
  write,
} from '../../src/facade/contracts/event-store-support.ts';
import { child, opened, temporaryFile } from './embedded.support.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const ROUNDS = 4;
const ANSWERS_BEFORE_KILL = 150;

const AnswerSchema = z.object({
  stream: z.string(),
  revision: z.string(),
  ids: z.array(z.string()),
});

/** Appends without end from 16 sides, three events at a time, and says what was answered. */
const writers = (round: number): string => `
  const store = await embeddedStore({ file });
  const side = async (name) => {
    let expected = 'no_stream';
    for (;;) {
      const events = [0, 1, 2].map(anEvent);
      const result = await store.append(name, expected, events);
      if (result.outcome !== 'appended') throw new Error(result.outcome);
      expected = result.revision;
      say({ stream: name, revision: String(expected), ids: events.map(({ id }) => id) });
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, n) => side('${round}-' + n)));`;

describe(
  'an embedded store whose process is killed in the middle of appends',
  { timeout: SLOW_TEST_MS },
  () => {
    test('keeps every answered append, and each append whole or not at all', async () => {
      const file = temporaryFile();
      const answered: z.infer<typeof AnswerSchema>[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const started = child(file, writers(round));
        let count = 0;
        for await (const line of started.lines) {
          // Its death may cut the last line short.
          if (!line.endsWith('}')) break;
          answered.push(AnswerSchema.parse(JSON.parse(line)));
          count += 1;
          // What is said after this is still read: the process had been answered before it died.
          if (count === ANSWERS_BEFORE_KILL * (round + 1)) started.process.kill('SIGKILL');
        }
        expect((await started.exited).signal).toBe('SIGKILL');
      }

      const store = await opened(file);
      const log = await allForwards(store);
      expect(log.length % 3).toBe(0);
      for (const { stream, revision, ids } of answered) {
        const from = BigInt(revision) - 2n;
        const stored = await all(
          store.readStream(stream, { direction: 'forwards', from, maxCount: 3 }),
        );
        expect(idsOf(stored)).toEqual(ids);
      }
      const next = new Map<string, bigint>();
      for (const { stream, revision } of log) {
        expect(revision).toBe(next.get(stream) ?? 0n);
        next.set(stream, revision + 1n);
      }
      for (const length of next.values()) expect(length % 3n).toBe(0n);
      for (const [stream, length] of next) await write(store, stream, length - 1n, [anEvent(0)]);
    });
  },
);

describe('an embedded store whose writing thread dies', () => {
  test('answers pending appends with unknown, opens the file again and continues', async () => {
    const file = temporaryFile();
    const store = await opened(file);
    await write(store, 'a', 'no_stream', [anEvent(0)]);
    // Another program takes the table away, which no statement of the thread survives.
    using other = new DatabaseSync(file);
    other.exec('ALTER TABLE records RENAME TO hidden');
    const list = events(2);
    const lost = await Promise.all([
      store.append('a', 0n, list),
      store.append('b', 'no_stream', events(1)),
    ]);
    expect(lost.map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown']);
    const waiting = store.append('a', 0n, list);
    other.exec('ALTER TABLE hidden RENAME TO records');
    expect(await waiting).toMatchObject({ outcome: 'appended', revision: 2n });
    expect(await store.append('a', 0n, list)).toMatchObject({ outcome: 'appended', revision: 2n });
    expect(await allForwards(store)).toHaveLength(3);
  });

  test('answers unknown at the deadline, and a repeat gets the outcome', async () => {
    const file = temporaryFile();
    const store = await opened(file);
    await write(store, 'a', 'no_stream', [anEvent(0)]);
    using other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    const list = events(2);
    expect(await store.append('a', 0n, list, { deadlineMs: 30 })).toMatchObject({
      outcome: 'unknown',
    });
    other.exec('ROLLBACK');
    expect(await store.append('a', 0n, list)).toMatchObject({ outcome: 'appended', revision: 2n });
    expect(idsOf(await allForwards(store)).slice(1)).toEqual(idsOf(list));
  });
});
