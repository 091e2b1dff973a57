import * as runner from 'vitest';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { recordingOutput } from '../../src/adapters/memory/recording-output.ts';
import { failureOf, listMessages, outputContract } from '../../src/facade/contracts/output.ts';

outputContract(runner, 'recordingOutput', async () => {
  const output = recordingOutput();
  return Promise.resolve({
    output,
    storeForeign: async () => {
      output.insertForeign();
      return Promise.resolve();
    },
    removeStream: async () => {
      output.remove();
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});

describe('recordingOutput', () => {
  async function opened() {
    const output = recordingOutput();
    const session = await output.connect();
    await session.create('');
    return { output, session };
  }

  test('stores a message with a lost ack and those after it, and ends the session', async () => {
    const { output, session } = await opened();
    output.failAt(2n, 'ack_lost');
    const calls = [1, 4].map((n) => session.publish(BigInt(n), listMessages(n, n + 2)));
    for (const call of calls) {
      expect(await failureOf(call)).toEqual({ kind: 'unavailable', message: 'no ack after 1' });
    }
    expect(output.messages).toHaveLength(6);
    expect(output.sessions).toEqual({ opened: 1, live: 0 });
    await (await output.connect()).publish(7n, listMessages(7, 7));
    expect(output.messages).toHaveLength(7);
  });

  test('stores neither a failed message nor those after it', async () => {
    const { output, session } = await opened();
    output.failAt(2n, { kind: 'rejected', message: 'too large' });
    const call = session.publish(1n, listMessages(1, 3));
    expect(await failureOf(call)).toEqual({ kind: 'rejected', message: 'too large' });
    expect(output.messages).toHaveLength(1);
    expect(output.refused).toBe(1);
  });

  test('delivers held acks together', async () => {
    const { output, session } = await opened();
    output.holdAcks();
    let acks = 0;
    const calls = [1, 2, 3].map(async (n) => {
      await session.publish(BigInt(n), listMessages(n, n));
      acks += 1;
    });
    await setImmediate();
    expect([output.messages.length, acks]).toEqual([3, 0]);
    output.releaseAcks();
    await Promise.all(calls);
    expect(acks).toBe(3);
  });

  test('loses held acks but no messages at a disconnect', async () => {
    const { output, session } = await opened();
    output.holdAcks();
    const call = session.publish(1n, listMessages(1, 3));
    output.disconnect();
    expect(await failureOf(call)).toMatchObject({ kind: 'unavailable' });
    expect(output.messages).toHaveLength(3);
  });

  test('ends sessions and refuses new ones while it is unreachable', async () => {
    const { output, session } = await opened();
    output.reachable = false;
    expect(await failureOf(session.info())).toMatchObject({ kind: 'unavailable' });
    expect(await failureOf(output.connect())).toMatchObject({ kind: 'unavailable' });
    output.reachable = true;
    expect(await (await output.connect()).info()).toBeDefined();
  });

  test('accepts dropped messages again at their sequences', async () => {
    const { output, session } = await opened();
    await session.publish(1n, listMessages(1, 5));
    output.dropLast(2);
    expect(await session.info()).toMatchObject({ lastSequence: 3n });
    await session.publish(4n, listMessages(4, 5));
    expect(output.messages.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 4n, 5n]);
  });

  test('keeps the sequences of purged messages', async () => {
    const { output, session } = await opened();
    await session.publish(1n, listMessages(1, 5));
    output.purgeTo(4n);
    expect(await session.info()).toMatchObject({ firstSequence: 5n, lastSequence: 5n });
    expect(await session.read(4n)).toBeUndefined();
    output.purgeTo(9n);
    output.purgeTo(2n);
    expect(await session.info()).toMatchObject({ firstSequence: 6n, lastSequence: 5n });
    await session.publish(6n, listMessages(6, 6));
    expect(output.messages.map(({ sequence }) => sequence)).toEqual([6n]);
  });

  test('has an empty stream with another identity after it was recreated', async () => {
    const { output, session } = await opened();
    await session.publish(1n, listMessages(1, 5));
    const before = await session.info();
    output.recreate('store 2');
    const after = await session.info();
    expect(after).toMatchObject({ description: 'store 2', lastSequence: 0n });
    expect(after?.created).not.toBe(before?.created);
  });

  test('reports an existing stream with faults and warnings', async () => {
    const output = recordingOutput({ stream: 'OTHER', existing: { description: 'd', base: 10n } });
    output.faults = ['retention'];
    output.warnings = ['max_age'];
    const session = await output.connect();
    expect(await session.info()).toMatchObject({
      stream: 'OTHER',
      description: 'd',
      firstSequence: 11n,
      lastSequence: 10n,
      faults: ['retention'],
      warnings: ['max_age'],
    });
    output.insertForeign({ subject: 'x' });
    expect(await session.read(11n)).toMatchObject({ subject: 'x' });
  });
});
