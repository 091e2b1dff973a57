// The contract of the output port (src/projections/output.ts).
import assert from 'node:assert/strict';
import { expect } from './expect.ts';
import type { ContractRunner } from './runner.ts';
import {
  OutputError,
  type Output,
  type OutputFailure,
  type OutputMessage,
  type OutputSession,
} from '../../projections/output.ts';

/** An adapter under test, with what others may do to its stream. */
export type OutputHarness = AsyncDisposable & {
  /** No stream exists yet. */
  readonly output: Output;
  /** Somebody else stores a message in the stream. */
  readonly storeForeign: () => Promise<void>;
  /** Somebody deletes the stream. */
  readonly removeStream: () => Promise<void>;
};

const text = new TextEncoder();

/** The list's message at this index; every projector of a partition would write the same. */
export function listMessage(sequence: number): OutputMessage {
  return {
    subject: `notification.feishu.requested.07.user-${sequence % 10}`,
    headers: [
      ['ce-id', `id-${sequence}`],
      ['Tocsin-Ordinal', String(sequence)],
    ],
    data: text.encode(JSON.stringify({ n: sequence })),
  };
}

/** Messages `first` to `last` of the list. */
export function listMessages(first: number, last: number): readonly OutputMessage[] {
  return Array.from({ length: last - first + 1 }, (_, i) => listMessage(first + i));
}

/** The failure with which a promise rejects. */
export async function failureOf(promise: Promise<unknown>): Promise<OutputFailure> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof OutputError) return error.failure;
    throw error;
  }
  throw new Error('expected an OutputError, but it went well');
}

/** The ids of everything stored from `first` on, as read back one by one. */
export async function storedIds(session: OutputSession, first = 1n): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let sequence = first; ; sequence += 1n) {
    const message = await session.read(sequence);
    if (message === undefined) return ids;
    ids.push(message.headers.get('ce-id') ?? '(none)');
  }
}

/** `id-1` to `id-{last}`. */
export function idsTo(last: number, first = 1): readonly string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => `id-${first + i}`);
}

/**
 * Defines the tests of the output port for one kind of output.
 *
 * @param runner the test runner's functions
 * @param open makes one per test, without a stream
 */
export function outputContract(
  { describe, test }: ContractRunner,
  name: string,
  open: () => Promise<OutputHarness>,
): void {
  describe(`${name}: the stream`, () => {
    test('does not exist before it is created', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      expect(await session.info()).toBeUndefined();
      expect(await session.read(1n)).toBeUndefined();
    });

    test('is created with the settings that the fence needs and keeps its identity', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      const created = await session.create('store 1');
      expect(created).toMatchObject({
        stream: harness.output.stream,
        description: 'store 1',
        firstSequence: 1n,
        lastSequence: 0n,
        faults: [],
        warnings: [],
      });
      expect(created.created).notToBe('');
      expect(await session.info()).toEqual(created);
      expect(await session.create('store 1')).toEqual(created);
    });

    test('is refused when it belongs to another store', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      const created = await session.create('store 1');
      expect(await failureOf(session.create('store 2'))).toMatchObject({ kind: 'rejected' });
      expect(await session.info()).toEqual(created);
    });

    test('has another identity after it was deleted and created again', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      const first = await session.create('store 1');
      await harness.removeStream();
      expect(await session.info()).toBeUndefined();
      expect((await session.create('store 1')).created).notToBe(first.created);
    });
  });

  describe(`${name}: publishing`, () => {
    test('resolves an empty list at once, and does not block later messages', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      await session.create('store 1');
      await session.publish(1n, []);
      const first = session.publish(1n, listMessages(1, 2));
      await session.publish(3n, []);
      await session.publish(99n, []);
      await Promise.all([first, session.publish(3n, listMessages(3, 4))]);
      expect(await storedIds(session)).toEqual(idsTo(4));
    });

    test('stores subject, headers and data at exactly the given sequence', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      await session.create('');
      await session.publish(1n, listMessages(1, 3));
      const message = await session.read(2n);
      expect(message).toMatchObject({ sequence: 2n, subject: listMessage(2).subject });
      expect(Buffer.from(message?.data ?? []).toString()).toBe('{"n":2}');
      for (const [name, value] of listMessage(2).headers) {
        expect(message?.headers.get(name)).toBe(value);
      }
      expect(await session.info()).toMatchObject({ firstSequence: 1n, lastSequence: 3n });
      expect(await session.read(4n)).toBeUndefined();
      expect(await session.read(0n)).toBeUndefined();
    });

    test('stores an empty body and any bytes', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      await session.create('');
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
      const { subject } = listMessage(1);
      await session.publish(1n, [
        { subject, headers: [], data: new Uint8Array(0) },
        { subject, headers: [['a', '']], data: bytes },
      ]);
      expect((await session.read(1n))?.data).toHaveLength(0);
      expect([...((await session.read(2n))?.data ?? [])]).toEqual([...bytes]);
      expect((await session.read(2n))?.headers.get('a')).toBe('');
    });

    test('stores and resolves overlapping calls in order', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      await session.create('');
      const resolved: number[] = [];
      const calls = Array.from({ length: 20 }, async (_, i) => {
        await session.publish(BigInt(i * 50 + 1), listMessages(i * 50 + 1, i * 50 + 50));
        resolved.push(i);
      });
      await Promise.all(calls);
      expect(resolved).toEqual(Array.from({ length: 20 }, (_, i) => i));
      expect(await storedIds(session)).toEqual(idsTo(1_000));
    });

    test('publishes after messages of other writers', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      await session.create('');
      for (let i = 0; i < 3; i++) await harness.storeForeign();
      await session.publish(4n, listMessages(4, 6));
      expect(await session.info()).toMatchObject({ lastSequence: 6n });
      expect(await storedIds(session, 4n)).toEqual(idsTo(6, 4));
    });
  });

  describe(`${name}: the fence`, () => {
    test('refuses sequences after the next one and stores nothing', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      await session.create('');
      await session.publish(1n, listMessages(1, 3));
      expect(await failureOf(session.publish(5n, listMessages(5, 9)))).toMatchObject({
        kind: 'fenced',
      });
      await using next = await harness.output.connect();
      expect(await storedIds(next)).toEqual(idsTo(3));
    });

    test('refuses stored sequences and stores the following ones at their sequences', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      await session.create('');
      await session.publish(1n, listMessages(1, 3));
      expect(await failureOf(session.publish(2n, listMessages(2, 9)))).toMatchObject({
        kind: 'fenced',
      });
      await using next = await harness.output.connect();
      // 4 to 9 may have been refused with the session's end, but never displaced.
      const stored = await storedIds(next);
      expect(stored).toEqual(idsTo(stored.length));
    });

    // The fence counts, it does not know whose message is the last: of a pipeline into which somebody
    // writes, as many messages are refused as were written, and later ones stored. Resume sees it.
    test("ends the session as 'fenced' after a message of another writer, and displaces nothing", async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      await session.create('');
      await session.publish(1n, listMessages(1, 3));
      await harness.storeForeign();
      const calls = [4, 7].map((n) => session.publish(BigInt(n), listMessages(n, n + 2)));
      for (const call of calls) expect(await failureOf(call)).toMatchObject({ kind: 'fenced' });
      await using next = await harness.output.connect();
      const stored = await storedIds(next, 5n);
      expect((await next.read(4n))?.headers.get('ce-id')).toBeUndefined();
      expect(stored).toEqual(idsTo(4 + stored.length, 5));
    });

    test('stores one list once when two sessions publish it', async () => {
      await using harness = await open();
      await using first = await harness.output.connect();
      await first.create('');
      const last = 600;
      let fenced = 0;
      // Both have seen the empty stream before either writes, so they want the same place.
      const bothLooked = Promise.withResolvers<undefined>();
      let looks = 0;
      const project = async (): Promise<void> => {
        for (;;) {
          await using session = await harness.output.connect();
          let next = Number((await session.info())?.lastSequence) + 1;
          if (next > last) return;
          looks += 1;
          if (looks === 2) bothLooked.resolve(undefined);
          await bothLooked.promise;
          const calls: Promise<void>[] = [];
          for (; next <= last && calls.length < 4; next += 20) {
            calls.push(
              session.publish(BigInt(next), listMessages(next, Math.min(next + 19, last))),
            );
          }
          const ends = await Promise.allSettled(calls);
          fenced += ends.some(({ status }) => status === 'rejected') ? 1 : 0;
        }
      };
      await Promise.all([project(), project()]);
      expect(fenced).toBeGreaterThan(0);
      expect(await storedIds(first)).toEqual(idsTo(last));
    });
  });

  describe(`${name}: the end of a session`, () => {
    test('fails every pending and later call with the first failure, awaited or not', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      await session.create('');
      void session.publish(9n, listMessages(9, 9));
      const pending = session.publish(10n, listMessages(10, 10));
      expect(await failureOf(pending)).toMatchObject({ kind: 'fenced' });
      expect(await failureOf(session.publish(1n, listMessages(1, 1)))).toMatchObject({
        kind: 'fenced',
      });
      expect(await failureOf(session.info())).toMatchObject({ kind: 'fenced' });
      await using next = await harness.output.connect();
      expect(await next.info()).toMatchObject({ lastSequence: 0n });
    });

    test('rejects a call that does not follow the pending one', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      await session.create('');
      const good = session.publish(1n, listMessages(1, 2));
      expect(await failureOf(session.publish(4n, listMessages(4, 4)))).toMatchObject({
        kind: 'rejected',
      });
      await Promise.allSettled([good]);
    });

    test('rejects sequence 0', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      await session.create('');
      expect(await failureOf(session.publish(0n, listMessages(1, 1)))).toMatchObject({
        kind: 'rejected',
      });
    });

    test('is unavailable without a stream', async () => {
      await using harness = await open();
      await using session = await harness.output.connect();
      await session.create('');
      await session.publish(1n, listMessages(1, 3));
      await harness.removeStream();
      expect(await failureOf(session.publish(4n, listMessages(4, 6)))).toMatchObject({
        kind: 'unavailable',
      });
    });

    test('refuses calls after closing, and may be closed twice', async () => {
      await using harness = await open();
      await using other = await harness.output.connect();
      await other.create('');
      const session = await harness.output.connect();
      const pending = session.publish(1n, listMessages(1, 1));
      await session[Symbol.asyncDispose]();
      await session[Symbol.asyncDispose]();
      await Promise.allSettled([pending]);
      expect(await failureOf(session.publish(1n, []))).toMatchObject({ kind: 'unavailable' });
      expect(await failureOf(session.read(1n))).toMatchObject({ kind: 'unavailable' });
      expect(await other.info()).toMatchObject({ stream: harness.output.stream });
    });

    test('ends a connection attempt with its signal', async () => {
      await using harness = await open();
      const connecting = harness.output.connect(AbortSignal.abort(new Error('enough')));
      await assert.rejects(connecting, /enough/);
    });
  });
}
