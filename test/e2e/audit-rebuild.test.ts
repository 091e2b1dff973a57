// `tocsin audit rebuild` with a real NATS server: the new file equals the old file, and a projector continues
// from it without sending a message twice.
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openReadModelReader, sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { snapshotOf, type ReadModelSnapshot } from '../../src/adapters/memory/read-model.ts';
import { forgetState, projectedLane, refused, twice, type Lane } from '../support/lane.ts';

function stateOf({ cli }: Lane): ReadModelSnapshot {
  using reader = openReadModelReader(cli.path('var/state.db'));
  return snapshotOf(reader);
}

const rebuild = (lane: Lane, ...more: readonly string[]) =>
  lane.cli.call(['audit', 'rebuild', '--nats', lane.nats.url, ...more]);

async function goesOn(lane: Lane): Promise<void> {
  await lane.raise(4, 5);
  expect(await lane.project()).toMatchObject({ code: 0, document: { published: 2 } });
  expect(await lane.users()).toEqual(twice(1, 5));
  expect(await lane.cli.call(['audit', 'verify', '--nats', lane.nats.url])).toMatchObject({
    code: 0,
    document: { published: 5, mismatches: [], messages: { compared: 10 } },
  });
}

test(
  'audit rebuild makes an equal read model, and the projector continues from it',
  { timeout: 120_000 },
  async () => {
    await using lane = await projectedLane();
    const before = stateOf(lane);
    // Damage the file: rebuild uses only its checkpoint.
    const { DatabaseSync } = await import('node:sqlite');
    {
      using db = new DatabaseSync(lane.cli.path('var/state.db'));
      db.exec("UPDATE verdicts SET reason = 'spoilt'; DELETE FROM sent_notifications");
    }
    expect(stateOf(lane)).not.toEqual(before);
    expect(await rebuild(lane)).toMatchObject({
      code: 0,
      document: { published: 3, outputSequence: '6' },
    });
    expect(stateOf(lane)).toEqual(before);
    expect(readdirSync(lane.cli.path('var')).filter((name) => name.includes('rebuild'))).toEqual(
      [],
    );
    expect(await lane.project()).toMatchObject({ document: { events: 0, published: 0 } });
    await goesOn(lane);
  },
);

test(
  'audit rebuild without the old file stops at the stream’s last message',
  { timeout: 120_000 },
  async () => {
    await using lane = await projectedLane();
    await lane.raise(4, 4);
    forgetState(lane);
    expect(await rebuild(lane)).toMatchObject({
      code: 0,
      document: { published: 3, outputSequence: '6' },
    });
    expect(await lane.project()).toMatchObject({ code: 0, document: { published: 1 } });
    expect(await lane.users()).toEqual(twice(1, 4));
  },
);

test(
  'audit rebuild is refused while a projector owns the file, and without a sent message',
  { timeout: 120_000 },
  async () => {
    await using lane = await projectedLane();
    {
      using _owner = sqliteReadModel({ file: lane.cli.path('var/state.db') });
      refused(await rebuild(lane), 'read_model_in_use', /standby/);
    }
    await lane.raise(9, 9);
    const late = await rebuild(lane, '--to', '9999999999/9999999999');
    expect(late).toMatchObject({ code: 2, document: { error: { code: 'cut_too_late' } } });
    const other = await rebuild(lane, '--stream', 'OTHER');
    refused(other, 'output_replaced', /--stream/);
    expect(await lane.project()).toMatchObject({ code: 0, document: { published: 1 } });
  },
);
