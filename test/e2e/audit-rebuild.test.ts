// `tocsin audit rebuild` with a real NATS server: the new file equals the old file, and a projector continues
// from it without sending a message twice.
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openReadModelReader, sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { snapshotOf, type ReadModelSnapshot } from '../../src/adapters/memory/read-model.ts';
import {
  forgetState,
  projectedPartition,
  refused,
  twice,
  type Partition,
} from '../support/partition.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

function stateOf({ cli }: Partition): ReadModelSnapshot {
  using reader = openReadModelReader(cli.path('var/state.db'));
  return snapshotOf(reader);
}

const rebuild = (partition: Partition, ...more: readonly string[]) =>
  partition.cli.call(['audit', 'rebuild', '--nats', partition.nats.url, ...more]);

async function goesOn(partition: Partition): Promise<void> {
  await partition.raise(4, 5);
  expect(await partition.project()).toMatchObject({ code: 0, document: { published: 2 } });
  expect(await partition.users()).toEqual(twice(1, 5));
  expect(await partition.cli.call(['audit', 'verify', '--nats', partition.nats.url])).toMatchObject(
    {
      code: 0,
      document: { published: 5, mismatches: [], messages: { compared: 10 } },
    },
  );
}

test(
  'audit rebuild makes an equal read model, and the projector continues from it',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using partition = await projectedPartition();
    const before = stateOf(partition);
    // Damage the file: rebuild uses only its checkpoint.
    const { DatabaseSync } = await import('node:sqlite');
    {
      using db = new DatabaseSync(partition.cli.path('var/state.db'));
      db.exec("UPDATE verdicts SET reason = 'spoilt'; DELETE FROM sent_notifications");
    }
    expect(stateOf(partition)).not.toEqual(before);
    expect(await rebuild(partition)).toMatchObject({
      code: 0,
      document: { published: 3, outputSequence: '6' },
    });
    expect(stateOf(partition)).toEqual(before);
    expect(
      readdirSync(partition.cli.path('var')).filter((name) => name.includes('rebuild')),
    ).toEqual([]);
    expect(await partition.project()).toMatchObject({ document: { events: 0, published: 0 } });
    await goesOn(partition);
  },
);

test(
  'audit rebuild without the old file stops at the stream’s last message',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using partition = await projectedPartition();
    await partition.raise(4, 4);
    forgetState(partition);
    expect(await rebuild(partition)).toMatchObject({
      code: 0,
      document: { published: 3, outputSequence: '6' },
    });
    expect(await partition.project()).toMatchObject({ code: 0, document: { published: 1 } });
    expect(await partition.users()).toEqual(twice(1, 4));
  },
);

test(
  'audit rebuild is refused while a projector owns the file, and without a sent message',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using partition = await projectedPartition();
    {
      using _owner = sqliteReadModel({ file: partition.cli.path('var/state.db') });
      refused(await rebuild(partition), 'read_model_in_use', /standby/);
    }
    await partition.raise(9, 9);
    const late = await rebuild(partition, '--to', '9999999999/9999999999');
    expect(late).toMatchObject({ code: 2, document: { error: { code: 'cut_too_late' } } });
    const other = await rebuild(partition, '--stream', 'OTHER');
    refused(other, 'output_replaced', /--stream/);
    expect(await partition.project()).toMatchObject({ code: 0, document: { published: 1 } });
  },
);
