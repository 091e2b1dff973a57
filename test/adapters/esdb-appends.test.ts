// Appends whose node does not answer as it should: repeats, shared appends, and conflicts of a leader whose followers lag.
import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import {
  batchFailure,
  batchSuccess,
  conflictError,
  streamDeletedError,
  TIMEOUT_ERROR,
  type BatchAddress,
} from '../../src/adapters/eventstore/front/append-answers.ts';
import { decodeFragment } from '../../src/adapters/eventstore/front/append-messages.ts';
import {
  encodeAppend,
  type AppendRequest,
} from '../../src/adapters/eventstore/common/append-request.ts';
import { NO_STREAM } from '../../src/adapters/eventstore/common/revisions.ts';
import { appender, type AppendedStore } from '../../src/adapters/eventstore/esdb/appends.ts';
import type { AppendLink } from '../../src/adapters/eventstore/esdb/append-stream.ts';
import { field, numberField } from '../../src/adapters/eventstore/wire/protobuf-writer.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { anEvent } from '../../src/facade/contracts/event-store-support.ts';

/** The answer to the n-th message, from 0; without one the server is silent. */
type Leader = (n: number, to: BatchAddress) => Buffer | undefined;

const position = { commit: 100n, prepare: 100n };
const written = (_n: number, to: BatchAddress): Buffer => batchSuccess(to, 0n, position);
const conflict = (to: BatchAddress): Buffer => batchFailure(to, conflictError(NO_STREAM, 0n));
const notReady = (to: BatchAddress): Buffer =>
  Buffer.concat([
    field(1, to.correlationBytes),
    field(
      2,
      field(2, 'Server Is Not Ready'),
      field(3, field(1, 'type.googleapis.com/google.protobuf.Empty')),
    ),
  ]);

function anAppend(): AppendRequest {
  const request = encodeAppend('a', 'no_stream', [anEvent(0)]);
  if ('outcome' in request) throw new Error(request.message);
  return request;
}

function stored(request: AppendRequest): RecordedEvent {
  const id = request.events[0]?.id ?? '';
  return { id, stream: 'a', revision: 0n, position, type: 'Counted', data: {}, metadata: {} };
}

/** Appends to a leader that answers as the test wants; `times` has when each message came. */
function setUp(
  leader: Leader,
  options: { isAlone?: boolean; isHidden?: true; read?: AppendedStore['read'] } = {},
) {
  const times: number[] = [];
  const ids: string[] = [];
  const closing = new AbortController();
  let doubts = 0;
  const startAppends = () => {
    const call = new Duplex({
      objectMode: true,
      read: () => undefined,
      write(message: Buffer, _encoding, done) {
        const { correlationBytes, events } = decodeFragment(message);
        ids.push(events[0]?.id ?? '');
        times.push(performance.now());
        const answer = leader(times.length - 1, { correlationBytes, stream: 'a' });
        if (answer !== undefined) call.push(answer);
        done();
      },
    });
    return Object.assign(call, { cancel: () => call.destroy() });
  };
  const link: AppendLink = {
    startAppends,
    retired: new AbortController().signal,
    isAlone: options.isAlone ?? false,
  };
  const appends = appender({
    link: () => Promise.resolve(link),
    read: options.read ?? (() => Promise.resolve([])),
    isHidden: () => Promise.resolve(options.isHidden === true),
    onDoubt: () => (doubts += 1),
    closing: closing.signal,
  });
  return { append: appends.append, times, ids, closing, doubts: () => doubts };
}

describe('an append without an answer', () => {
  test('is sent again with the same ids, half a second later at the earliest', async () => {
    const { append, times, ids, doubts } = setUp((n, to) =>
      n === 0 ? batchFailure(to, TIMEOUT_ERROR) : written(n, to),
    );
    expect(await append(anAppend(), 10_000)).toMatchObject({ outcome: 'appended' });
    expect(new Set(ids).size).toBe(1);
    const [first = 0, second = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(490);
    expect(doubts()).toBe(1);
  });

  test('has a part of the deadline for each attempt', async () => {
    const { append, times } = setUp((n, to) => (n === 0 ? undefined : written(n, to)));
    expect(await append(anAppend(), 6_000)).toMatchObject({ outcome: 'appended' });
    const [first = 0, second = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(1_900);
  });

  test('is unknown at the deadline', async () => {
    const { append } = setUp(() => undefined);
    const begun = performance.now();
    expect(await append(anAppend(), 300)).toMatchObject({ outcome: 'unknown' });
    expect(performance.now() - begun).toBeGreaterThanOrEqual(290);
  });

  test('ends when the store is closed', async () => {
    const { append, closing, times } = setUp((_n, to) => notReady(to));
    const waiting = append(anAppend(), 60_000);
    await expect.poll(() => times.length).toBeGreaterThan(1);
    closing.abort();
    expect(await waiting).toMatchObject({ outcome: 'unknown' });
  });
});

test('an append to a node that is not ready is sent again soon', async () => {
  const { append, times } = setUp((n, to) => (n < 3 ? notReady(to) : written(n, to)));
  expect(await append(anAppend(), 10_000)).toMatchObject({ outcome: 'appended' });
  const [first = 0, , , last = 0] = times;
  expect(last - first).toBeLessThan(1_500);
});

test('identical appends at once share one', async () => {
  const { append, ids } = setUp(written);
  const request = anAppend();
  const results = await Promise.all(Array.from({ length: 64 }, () => append(request, 10_000)));
  expect(results).toEqual(Array(64).fill({ outcome: 'appended', revision: 0n, position }));
  expect(ids).toHaveLength(1);
  const other = anAppend();
  await Promise.all([append(request, 10_000), append(other, 10_000)]);
  expect(ids).toHaveLength(3);
});

test('a shared append does not take the longer deadline of one caller from it', async () => {
  const { append } = setUp((n, to) => (n === 0 ? undefined : written(n, to)));
  const request = anAppend();
  const [short, long] = await Promise.all([append(request, 200), append(request, 10_000)]);
  expect(short).toMatchObject({ outcome: 'unknown' });
  expect(long).toMatchObject({ outcome: 'appended' });
});

describe('a conflict', () => {
  test('comes when the revision that it reports can be read', async () => {
    let reads = 0;
    const request = anAppend();
    const read = () => {
      reads += 1;
      return Promise.resolve(reads < 4 ? [] : [stored(anAppend())]);
    };
    const { append } = setUp((_n, to) => conflict(to), { read });
    expect(await append(request, 10_000)).toEqual({ outcome: 'conflict', actual: 0n });
    expect(reads).toBe(4);
  });

  test('comes at once from a server without followers', async () => {
    let reads = 0;
    const read = () => Promise.resolve([stored(anAppend())].slice((reads += 1)));
    const { append } = setUp((_n, to) => conflict(to), { read, isAlone: true });
    expect(await append(anAppend(), 10_000)).toEqual({ outcome: 'conflict', actual: 0n });
    expect(reads).toBe(0);
  });

  test('comes without a wait where metadata hide the events of the stream', async () => {
    let reads = 0;
    const read = () => Promise.resolve([stored(anAppend())].slice((reads += 1)));
    const { append } = setUp((_n, to) => conflict(to), { read, isHidden: true });
    expect(await append(anAppend(), 3_600_000)).toEqual({ outcome: 'conflict', actual: 0n });
    expect(reads).toBe(1);
  });

  test('with the events of an attempt that got no answer is a success', async () => {
    const request = anAppend();
    const read = () => Promise.resolve([stored(request)]);
    const timeoutThenConflict: Leader = (n, to) =>
      n === 0 ? batchFailure(to, TIMEOUT_ERROR) : conflict(to);
    const { append } = setUp(timeoutThenConflict, { read });
    expect(await append(request, 10_000)).toEqual({ outcome: 'appended', revision: 0n, position });
    const other = setUp(timeoutThenConflict, { read: () => Promise.resolve([stored(anAppend())]) });
    expect(await other.append(request, 10_000)).toEqual({ outcome: 'conflict', actual: 0n });
  });
});

test('a refusal after an attempt without an answer leaves the outcome open', async () => {
  const deleted = (to: BatchAddress) => batchFailure(to, streamDeletedError('a'));
  const { append } = setUp((n, to) => (n === 0 ? batchFailure(to, TIMEOUT_ERROR) : deleted(to)));
  expect(await append(anAppend(), 10_000)).toMatchObject({ outcome: 'unknown' });
  const first = setUp((_n, to) => deleted(to));
  expect(await first.append(anAppend(), 10_000)).toMatchObject({ reason: 'stream_deleted' });
});

test('a repeat whose position the server does not know has that of its event', async () => {
  const request = anAppend();
  const withoutPosition: Leader = (_n, { correlationBytes }) =>
    Buffer.concat([field(1, correlationBytes), field(3, numberField(1, 0n), field(4))]);
  const { append } = setUp(withoutPosition, { read: () => Promise.resolve([stored(request)]) });
  expect(await append(request, 10_000)).toEqual({ outcome: 'appended', revision: 0n, position });
});
