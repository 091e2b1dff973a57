// A full disk behind the front is the store's fault for each client, and the store's log has it.
import { randomBytes } from 'node:crypto';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { answerOf, readReply } from '../../src/adapters/eventstore/esdb/append-answers.ts';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import {
  badRequestError,
  batchFailure,
} from '../../src/adapters/eventstore/front/append-answers.ts';
import { jsonLogger } from '../../src/adapters/logging/pino.ts';
import type { AppendResult, EventStore } from '../../src/domain/ports/event-store.ts';
import { apiWorld } from '../api/api.support.ts';
import { anEvent } from '../../src/facade/contracts/event-store-support.ts';
import { aFront } from './front.support.ts';

/** Room for a new log and some events. */
const PAGES = 80;
const RAISE = { trigger_type: 'important_urgent_task', target_type: 'task_pool', target_id: 7 };

/** Appends events, smaller ones at the end, until nothing fits. */
async function fill(store: EventStore): Promise<AppendResult> {
  let result: AppendResult | undefined;
  for (const size of [5_000, 200, 1]) {
    for (let n = 0; result?.outcome !== 'refused' || n === 0; n += 1) {
      const event = anEvent(n, { data: { text: randomBytes(size / 2).toString('hex') } });
      result = await store.append(`fill-${size}-${n}`, 'no_stream', [event]);
    }
  }
  if (result === undefined) throw new Error('nothing was appended');
  return result;
}

test('a full disk is storage_full and 503 behind the front, and one line in the log of the store', async () => {
  const lines: string[] = [];
  const logger = jsonLogger({ destination: { write: (line) => void lines.push(line) } });
  const front = await aFront({ maxPages: PAGES, logger });
  await using store = eventStoreDb({ connectionString: front.url });
  using world = await apiWorld({ store });

  expect(await fill(store)).toMatchObject({ outcome: 'refused', reason: 'storage_full' });
  const path = '/api/v1/active-schedule/trigger';
  const got = await world.ask('POST', path, { token: world.one, body: RAISE });
  expect(got).toMatchObject({ status: 503, body: { code: 'storage_full' } });
  expect(got.headers.get('retry-after')).toBe('30');

  const official = EventStoreDBClient.connectionString(front.url);
  onTestFinished(() => official.dispose());
  const data = { text: randomBytes(5_000).toString('hex') };
  const append = official.appendToStream('any', jsonEvent({ type: 'a', data }));
  await expect(append).rejects.toThrow(/the disk is full/);

  const full = lines.filter((line) => line.includes('the disk is full'));
  expect(full).toHaveLength(1);
  expect(full[0]).toContain('"level":"error"');
});

test.each([
  [status.INVALID_ARGUMENT, { outcome: 'refused', reason: 'invalid_argument' }],
  [status.RESOURCE_EXHAUSTED, { outcome: 'refused', reason: 'storage_full' }],
  [status.UNAVAILABLE, { outcome: 'unknown' }],
  [status.INTERNAL, { outcome: 'unknown' }],
])('a bad request with status %i is the fault that it names', (code, expected) => {
  const to = { correlationBytes: Buffer.alloc(0), stream: 'a' };
  const reply = readReply(batchFailure(to, badRequestError('why', code)));
  const request = { stream: 'a', expected: -1n, events: [] };
  expect(answerOf(request, reply)).toMatchObject(expected);
});
