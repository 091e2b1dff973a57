// The record of a copy: when the copy writes it, and what becomes of it in a copy of the copy.
import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { formatPosition, START_POSITION } from '../../src/domain/core/positions.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { anEvent } from '../../src/facade/contracts/event-store-support.ts';
import { copy, moved, recordsOf, sendTo, shifted } from '../support/copies.ts';
import { anInput, eventsOf, makeWorld, raised } from '../support/world.ts';

const PREFIXES = ['tocsin.'];

/** The last event’s position, without records of copies. */
async function headOf(store: EventStore) {
  const last = (await eventsOf(store)).findLast(({ type }) => type !== 'LogCopied');
  return formatPosition(last?.position ?? START_POSITION);
}

describe('the record of a copy', () => {
  test('names both heads, the actor and the time, once per run that copied events', async () => {
    const world = await sendTo(await makeWorld(), 1, 2);
    const target = await shifted();
    const first = await copy(world.store, target, { prefixes: PREFIXES });
    expect(first.recordedIn).toEqual(['tocsin.copied-1']);
    const record = { sourceHead: await headOf(world.store), targetHead: await headOf(target) };
    expect(record.sourceHead).not.toBe(record.targetHead);
    expect(await recordsOf(target)).toEqual([record]);
    const [event] = await eventsOf(target, 'tocsin.copied-1');
    expect(event?.metadata).toMatchObject({
      actor: 'test',
      recordedAt: '2026-01-02T00:00:00.000Z',
      schemaVersion: 1,
    });
    const again = await copy(world.store, target, { prefixes: PREFIXES });
    expect(again).toMatchObject({ copied: 0, recordedIn: [], targetHead: first.targetHead });
    await sendTo(world, 3);
    world.output.recreate();
    await world.project({ recoveryMode: { kind: 'from_now' } });
    const more = await copy(world.store, target, { prefixes: PREFIXES });
    expect(more).toMatchObject({ found: first.copied, recordedIn: ['tocsin.copied-1'] });
    expect(more.verified).toBe(more.copied);
    const second = { sourceHead: await headOf(world.store), targetHead: await headOf(target) };
    expect(await recordsOf(target)).toEqual([record, second]);
  });

  test('is written by the next run when the first run ended before it', async () => {
    const world = await sendTo(await makeWorld(), 1);
    let away = true;
    const target = memoryStore({
      faults: (next) =>
        away && next.kind === 'append' && next.stream === 'tocsin.copied-1'
          ? { fault: 'unknown', written: false }
          : undefined,
    });
    await expect(copy(world.store, target)).rejects.toMatchObject({ code: 'target_unavailable' });
    away = false;
    expect(await copy(world.store, target)).toMatchObject({
      copied: 0,
      recordedIn: ['tocsin.copied-1'],
    });
  });

  test('is written once when its answer is lost', async () => {
    const world = await sendTo(await makeWorld(), 1);
    let lost = 0;
    const target = memoryStore({
      faults(next) {
        if (next.kind !== 'append' || next.stream !== 'tocsin.copied-1' || lost > 0)
          return undefined;
        lost += 1;
        return { fault: 'unknown', written: true };
      },
    });
    await copy(world.store, target);
    expect(await recordsOf(target)).toHaveLength(1);
  });

  test('is not written for a part of a kernel’s log, or without a kernel', async () => {
    const world = await sendTo(await makeWorld(), 1);
    for (const prefixes of [['tocsin.control', 'tocsin.trigger'], ['tocsin.trigger']]) {
      expect((await copy(world.store, memoryStore(), { prefixes })).recordedIn).toEqual([]);
    }
    const other = await shifted();
    expect((await copy(other, memoryStore())).recordedIn).toEqual([]);
  });

  test('does not let a copy pass that got other events', async () => {
    const world = await sendTo(await makeWorld(), 1);
    const there = await moved(world);
    await raised(there.kernel, anInput(2, { userId: 2 }));
    await expect(copy(world.store, there.store, { prefixes: PREFIXES })).rejects.toMatchObject({
      code: 'target_differs',
    });
  });

  test('of a copy is copied with its position translated, and both copies can go on', async () => {
    const first = await sendTo(await makeWorld(), 1);
    const [second, third] = [await shifted(), await shifted()];
    await third.append('more', 'no_stream', [anEvent(2)]);
    const both = async () => {
      await copy(first.store, second, { prefixes: PREFIXES });
      await copy(second, third, { prefixes: PREFIXES });
    };
    await both();
    await sendTo(first, 2);
    await both();
    await both();
    const [sources, copies] = [await recordsOf(second), await recordsOf(third)];
    expect([sources.length, copies.length]).toEqual([2, 2]);
    expect(await recordsOf(third, 2)).toHaveLength(2);
    const [from, to] = [await eventsOf(second), await eventsOf(third)];
    for (const [i, { sourceHead, targetHead }] of sources.entries()) {
      const event = from.find(({ position }) => formatPosition(position) === targetHead);
      const same = to.find(({ id }) => id === event?.id);
      const translated = formatPosition(same?.position ?? START_POSITION);
      expect(copies[i]).toEqual({ sourceHead, targetHead: translated });
      expect(translated).not.toBe(targetHead);
    }
  });
});
