// Crash points of an archive: the process ends before and after each of its effects. Whatever was left, every answer is as it
// was, and the next call finishes the work.
import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { archiveFile } from '../../src/adapters/archive/archive-file.ts';
import { controlCodec } from '../../src/domain/control/events.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { StreamRemover } from '../../src/domain/ports/stream-remover.ts';
import type { ArchiveFile } from '../../src/kernel/archive/archive.ts';
import { archivingWorld, DAY } from '../support/archiving.ts';
import { anInput, eventsOf, raised } from '../support/world.ts';

class Crash extends Error {}

/** Counts effects, and ends the process before or after one of them. */
function crashing(at: number, when: 'before' | 'after') {
  let effects = 0;
  const effect = async <T>(work: () => Promise<T>): Promise<T> => {
    effects += 1;
    if (effects === at && when === 'before') throw new Crash();
    const result = await work();
    if (effects === at) throw new Crash();
    return result;
  };
  return {
    effect,
    file: (file: ArchiveFile): ArchiveFile => ({
      ...file,
      write: (lines) => effect(() => file.write(lines)),
      keep: () => effect(() => file.keep()),
      // A process that ended cleans nothing up.
      discard: () => Promise.resolve(),
    }),
    store: (store: EventStore): EventStore => ({
      ...store,
      append: (...args) => effect(() => store.append(...args)),
    }),
    remover: (remover: StreamRemover): StreamRemover => ({
      // One by one, so that a crash comes in the middle.
      async removeStreams(groups) {
        const removed: boolean[] = [];
        for (const group of groups) {
          removed.push(...(await effect(() => remover.removeStreams([group]))));
        }
        return removed;
      },
      shrink: () => remover.shrink(),
    }),
  };
}

function fileOf(record: RecordedEvent | undefined): string {
  const decoded = record && controlCodec.decode(record);
  if (decoded?.kind === 'event' && decoded.event.type === 'LogArchived') {
    return decoded.event.data.file;
  }
  throw new Error('the log has no record of an archive');
}

describe('an archive that is cut short', () => {
  it('is finished by the next call, wherever it was cut', async () => {
    await using world = await archivingWorld();
    await world.project();
    for (let n = 1; n <= 4; n += 1) {
      await raised(world.kernel, anInput(n, { userId: n, idempotencyKey: `key ${n}` }));
    }
    world.clock.advance(5 * DAY);
    await raised(world.kernel, anInput(9));
    await world.project();
    const audit = await world.audit();
    const { dedupeKeysSha256 } = await audit.replay();
    const events = (await eventsOf(world.store)).length;

    let cuts = 0;
    for (let at = 1, isCut = true; isCut;) {
      let isRecorded = false;
      for (const when of ['before', 'after'] as const) {
        const { file, store, remover } = crashing(at, when);
        const name = `${cuts}.ndjson`;
        const options = {
          file: file(archiveFile(world.pathOf(name))),
          context: { store: store(world.store), remover: remover(world.remover) },
        };
        try {
          await world.archive(options);
          isCut = false;
        } catch (error) {
          if (!(error instanceof Crash)) throw error;
          cuts += 1;
        }
        const records = (await eventsOf(world.store, 'tocsin.control')).filter(
          ({ type }) => type === 'LogArchived',
        );
        // Once it is recorded, the file belongs to the log, and later calls only remove.
        const recorded = records.map(fileOf);
        const replayed = await (await world.audit(...recorded)).replay();
        expect(replayed.dedupeKeysSha256).toBe(dedupeKeysSha256);
        if (recorded.length === 0) rmSync(world.pathOf(name), { force: true });
        await world.project();
        isRecorded = recorded.length > 0;
      }
      // Later calls write that there is nothing new, and then remove what is left.
      at = isRecorded ? 2 : at + 1;
    }
    expect(cuts).toBeGreaterThan(8);
    const left = await eventsOf(world.store);
    const [record] = left.filter(({ type }) => type === 'LogArchived');
    expect(left.length).toBeLessThan(events);
    const last = await world.archive({ name: fileOf(record) });
    expect(last).toMatchObject({ archive: null, removed: { triggers: 0 } });
    const verified = await (await world.audit(fileOf(record))).verify();
    expect(verified.mismatches).toEqual([]);
  });
});
