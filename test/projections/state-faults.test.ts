// The state file fails under a projector: full, locked, cut off, gone, of a newer version. It waits or
// refuses, and after the cure every message is in the stream once, those of before not again.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import type { ReadModel } from '../../src/projections/read-model.ts';
import { temporaryFile } from '../adapters/embedded.support.ts';
import { refusal } from '../support/refusals.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { until } from '../support/until.ts';
import { anInput, makeWorld, raised, type World } from '../support/world.ts';

async function raiseSome({ kernel }: World, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n += 1) await raised(kernel, anInput(n, { userId: n }));
}

async function projected(world: World, state: ReadModel & Disposable): Promise<void> {
  using owned = state;
  await world.project({}, { state: owned });
}

/** A world whose first three triggers are out, with their state in a file. */
async function started(): Promise<{ readonly world: World; readonly file: string }> {
  const world = await makeWorld({ pageEntries: 3 });
  const file = temporaryFile('state.db');
  await raiseSome(world, 1, 3);
  await projected(world, sqliteReadModel({ file }));
  return { world, file };
}

async function expectEachOnce({ store, output }: World): Promise<void> {
  expect(storedList(output)).toEqual(await decidedList(store));
}

describe('projector with a faulty state file', () => {
  it('waits while the disk is full, and continues when there is room', async () => {
    const { world, file } = await started();
    await raiseSome(world, 4, 300);
    {
      using state = sqliteReadModel({ file, maxPages: 60 });
      const projector = world.projector({ state });
      const stop = new AbortController();
      const run = projector.run(stop.signal);
      await until('it says why', () => projector.status().lastFailure !== undefined);
      expect(projector.status().lastFailure).toMatch(/no room/);
      const epochs = projector.status().epochs;
      await until('it tries again', () => projector.status().epochs > epochs);
      expect(projector.status().stalledSeconds).toBeGreaterThan(0);
      stop.abort();
      await run;
    }
    await projected(world, sqliteReadModel({ file }));
    await expectEachOnce(world);
  });

  it('waits while another program locks the state file', async () => {
    const { world, file } = await started();
    await raiseSome(world, 4, 6);
    using state = sqliteReadModel({ file, busyTimeoutMs: 1 });
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    const projector = world.projector({ state });
    const stop = new AbortController();
    const run = projector.run(stop.signal);
    await until('it says why', () => projector.status().lastFailure !== undefined);
    expect(projector.status().lastFailure).toMatch(/another program keeps .* locked/);
    other.exec('ROLLBACK');
    other.close();
    await until('it has gone on', () => projector.status().outputSequence === '12');
    stop.abort();
    await run;
    await expectEachOnce(world);
  });

  it.each([
    [
      'truncated',
      'refused file_damaged',
      (file: string) => {
        writeFileSync(file, readFileSync(file).subarray(0, 20_000));
      },
    ],
    [
      'of a newer version',
      'refused file_newer',
      (file: string) => {
        using db = new DatabaseSync(file);
        db.exec('PRAGMA user_version = 99');
      },
    ],
    [
      'of another program',
      'refused file_foreign',
      (file: string) => {
        rmSync(file);
        using db = new DatabaseSync(file);
        db.exec('CREATE TABLE theirs (a)');
      },
    ],
  ])(
    'refuses a file that is %s, builds it again after its deletion, and sends nothing again',
    async (...args) => {
      const [, code, spoil] = args;
      const { world, file } = await started();
      spoil(file);
      await raiseSome(world, 4, 4);
      expect(refusal(() => sqliteReadModel({ file }))).toBe(code);
      expect(world.output.messages).toHaveLength(6);
      for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
      await projected(world, sqliteReadModel({ file }));
      expect(world.output.messages).toHaveLength(8);
      await expectEachOnce(world);
    },
  );
});
