// Audits of a copied log: the messages that were sent before the copy have positions of the old log.
import { describe, expect, test } from 'vitest';
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { formatPosition, parsePosition, START_POSITION } from '../../src/domain/core/positions.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { exportLines } from '../../src/projections/audit/export/export.ts';
import { verifyExport } from '../../src/projections/audit/export/verify-export.ts';
import { rebuild } from '../../src/projections/audit/rebuild/rebuild.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import type { StoredMessage } from '../../src/projections/output.ts';
import { kindsOf, readerOf, verified } from '../support/audited.ts';
import { copy, moved, recordsOf, sendTo, shifted } from '../support/copies.ts';
import { appendRaw, metadata, poison, resolvePark } from '../support/log-edits.ts';
import { anInput, makeWorld, raised, type World } from '../support/world.ts';

const PREFIXES = ['tocsin.'];
const names = { subjectRoot: '', source: '/tocsin' };

describe('verify of a copied log', () => {
  test('finds no difference, also in messages that the copy sent', async () => {
    const old = await sendTo(await makeWorld(), 1, 2, 3);
    // Its messages are sent from the copy.
    await raised(old.kernel, anInput(4, { userId: 4 }));
    const there = await moved(old);
    await there.project();
    expect(there.output.messages).toHaveLength(8);
    expect(await verified(there)).toMatchObject({ mismatches: [], messages: { compared: 8 } });
    await sendTo(there, 5);
    expect(await verified(there)).toMatchObject({ mismatches: [], messages: { compared: 10 } });
  });

  test('finds no difference in a copy of a copy that both sent messages', async () => {
    const first = await sendTo(await makeWorld(), 1, 2);
    await raised(first.kernel, anInput(3, { userId: 3 }));
    // The second log begins earlier than the first one, and the third one later.
    const second = await moved(first, memoryStore());
    await sendTo(second, 4, 5);
    await raised(second.kernel, anInput(6, { userId: 6 }));
    const third = await moved(second, await shifted());
    await sendTo(third, 7);
    expect(third.output.messages).toHaveLength(14);
    expect(await verified(third)).toMatchObject({ mismatches: [], messages: { compared: 14 } });
  });

  test('finds no difference in a copy that went on, and in retried events', async () => {
    const old = await sendTo(await makeWorld(), 1);
    const event = await poison(old.store, 'a');
    const store = await shifted();
    await copy(old.store, store, { prefixes: PREFIXES });
    await sendTo(old, 2);
    await resolvePark(old.store, event, 'retry');
    await sendTo(old, 3);
    const there = await moved(old, store);
    expect(await recordsOf(store)).toHaveLength(2);
    await sendTo(there, 4);
    expect(await verified(there)).toMatchObject({ mismatches: [], messages: { compared: 8 } });
  });

  test('reports every old position without the record', async () => {
    const there = await moved(await sendTo(await makeWorld(), 1, 2));
    await sendTo(there, 3);
    const log = (events: RecordedEvent[]) => events.filter(({ type }) => type !== 'LogCopied');
    expect(kindsOf(await verified(there, { log }))).toEqual({ message_altered: 4 });
  });

  test('refuses a record that it cannot read', async () => {
    const there = await moved(await sendTo(await makeWorld(), 1));
    const data = { sourceHead: 'a', targetHead: '1/1' };
    await appendRaw(there.store, 'tocsin.copied-1', {
      type: 'LogCopied',
      data,
      metadata: metadata('2026-01-02T00:00:00.000Z'),
    });
    await expect(verified(there)).rejects.toMatchObject({ code: 'copy_unreadable' });
  });

  const set =
    (sequence: bigint, header: string, change: (value: string) => string) =>
    (stored: StoredMessage[]): StoredMessage[] =>
      stored.map((message) =>
        message.sequence === sequence
          ? {
              ...message,
              headers: new Map(message.headers).set(
                header,
                change(message.headers.get(header) ?? ''),
              ),
            }
          : message,
      );
  const plus = (n: bigint) => (text: string) => {
    const { commit, prepare } = parsePosition(text) ?? START_POSITION;
    return formatPosition({ commit: commit + n, prepare: prepare + n });
  };
  const [POSITION, OLD, NEW] = ['Tocsin-Position', 3n, 8n];

  test.each<[what: string, tamper: (stored: StoredMessage[]) => StoredMessage[]]>([
    ['beyond the end of the old log', set(OLD, POSITION, plus(1_000_000n))],
    ['before the message before it', set(OLD, POSITION, () => '1/1')],
    [
      'after the message after it',
      (stored) => set(OLD, POSITION, () => stored[4]?.headers.get(POSITION) ?? '')(stored),
    ],
    [
      'of another message',
      (stored) => set(OLD, POSITION, () => stored[1]?.headers.get(POSITION) ?? '')(stored),
    ],
    ['that is no position', set(OLD, POSITION, () => 'x')],
    ['in another form', set(OLD, POSITION, (text) => `0${text}`)],
    ['of one number', set(OLD, POSITION, (text) => text.split('/')[0] ?? '')],
    ['that is absent', (stored) => withoutHeader(stored, OLD, POSITION)],
    ['of a message that the copy sent, moved', set(NEW, POSITION, plus(1n))],
    ['with another header', set(OLD, 'Tocsin-Ruleset', () => '9')],
  ])('finds a changed message: a position %s', async (_what, messages) => {
    const there = await moved(await sendTo(await makeWorld(), 1, 2, 3));
    await sendTo(there, 4);
    expect(kindsOf(await verified(there, { messages }))).toEqual({ message_altered: 1 });
  });
});

function withoutHeader(stored: StoredMessage[], sequence: bigint, name: string): StoredMessage[] {
  return stored.map((message) =>
    message.sequence === sequence
      ? { ...message, headers: new Map([...message.headers].filter(([key]) => key !== name)) }
      : message,
  );
}

describe('other audits of a copied log', () => {
  test('replay gives the verdicts of the old log', async () => {
    const old = await sendTo(await makeWorld(), 1, 2, 3);
    const there = await moved(old);
    const [before, after] = [old, there].map(({ store }) =>
      replay(store, memoryReadModel(), 'tocsin'),
    );
    expect(await after).toEqual(await before);
  });

  test('rebuild without the old file stops at the stream’s last message', async () => {
    const there = await moved(await sendTo(await makeWorld(), 1, 2, 3));
    await raised(there.kernel, anInput(4, { userId: 4 }));
    const state = memoryReadModel();
    const rebuilt = await rebuild({
      log: there.store,
      kernel: 'tocsin',
      output: await readerOf(there),
      state,
      live: undefined,
      names,
    });
    expect(rebuilt).toMatchObject({ published: 3, outputSequence: 6n });
    expect(await there.project({}, { state })).toMatchObject({ triggered: 1, published: 1 });
    expect(there.output.messages).toHaveLength(8);
  });

  test('an export holds the record, and is complete', async () => {
    const old = await sendTo(await makeWorld(), 1);
    const there = await moved(old);
    const count = async ({ store: log }: World): Promise<number> => {
      const report = await verifyExport(exportLines({ log, kernel: 'tocsin' }));
      expect(report.faults).toEqual([]);
      return report.events;
    };
    expect(await count(there)).toBe((await count(old)) + 1);
  });
});
