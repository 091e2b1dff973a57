// The list of deliveries: its rows agree with the state of each delivery.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  openDeliveryIndexReader,
  sqliteDeliveryIndex,
} from '../../src/adapters/sqlite/delivery-index.ts';
import { DELIVERY_STATUSES, LEASE_MARGIN_MS } from '../../src/domain/delivery/effects.ts';
import { evolveDelivery, type DeliveryState } from '../../src/domain/delivery/state.ts';
import {
  rowAfter,
  type DeliveryFilter,
  type DeliveryRow,
} from '../../src/kernel/processes/delivery/delivery-index.ts';
import { about, accepted, T0 } from '../domain/delivery.support.ts';
import { anyStory, playStory } from '../domain/delivery.stories.ts';
import { thrownBy } from '../support/refusals.ts';
import { until } from '../support/until.ts';
import { deliveryWorld } from './world.support.ts';

describe('rowAfter', () => {
  it('agrees with evolveDelivery on status, attempts and due time', () => {
    fc.assert(
      fc.property(anyStory, (story) => {
        const { events } = playStory(story);
        let state: DeliveryState;
        let row: DeliveryRow | undefined;
        for (const event of events) {
          state = evolveDelivery(state, event);
          row = rowAfter(row, event, { stream: 'stream', recordedAt: T0 });
        }
        const { phase, open } = state ?? {};
        const dueAt =
          phase?.status === 'waiting'
            ? phase.dueAt
            : phase?.status === 'attempting'
              ? (open?.leaseUntil ?? 0) + LEASE_MARGIN_MS
              : null;
        expect(row?.status).toBe(phase?.status);
        expect(row?.attempts).toBe(state?.attempts);
        expect(row?.dueAt).toBe(dueAt);
      }),
    );
  });
});

describe('sqliteDeliveryIndex', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tocsin-list-'));
    file = join(folder, 'deliveries.db');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const rows = Array.from({ length: 25 }, (_, n): DeliveryRow => {
    const row = rowAfter(undefined, accepted, { stream: 'stream', recordedAt: T0 });
    if (row === undefined) throw new Error('accepting makes a row');
    const status = n % 2 === 0 ? 'dead' : 'delivered';
    const notificationId = `${about.notificationId.slice(0, -2)}${String(n).padStart(2, '0')}`;
    return { ...row, notificationId, userId: String(n % 5), status };
  });
  const position = { commit: 5n, prepare: 5n };
  const said = (work: () => unknown) => {
    const error = thrownBy(work);
    return [error?.code, error?.hint];
  };
  const damaged = ['file_damaged', expect.stringMatching(/rebuilt from the log/)];

  it('keeps rows, position and marks over a restart, and has one owner', () => {
    {
      using index = sqliteDeliveryIndex({ file, storeId: 'log-1', owner: 'the first' });
      expect(index.position()).toBeUndefined();
      const lastEvent = { id: 'e', stream: 's', revision: 3n };
      index.commit({ position, lastEvent, rows, marks: [{ userId: '1', since: 4n }] });
      expect(() => sqliteDeliveryIndex({ file, storeId: 'log-1' })).toThrow(/the first/);
    }
    using index = sqliteDeliveryIndex({ file, storeId: 'log-1' });
    expect(index.position()).toEqual(position);
    expect(index.lastEvent()).toEqual({ id: 'e', stream: 's', revision: 3n });
    expect(index.marks(10)).toEqual([{ userId: '1', since: 4n }]);
    index.unmark({ userId: '1', since: 3n });
    expect(index.marks(10)).toHaveLength(1);
    index.unmark({ userId: '1', since: 4n });
    expect(index.marks(10)).toEqual([]);
    expect(index.counts()).toEqual({ dead: 13, delivered: 12 });
  });

  it('counts the ended deliveries of each minute, and reads a span of them in order', () => {
    const of = (minute: number, status: 'dead' | 'delivered', count: number) => ({
      ...{ minute: minute * 60_000, status, count },
    });
    using index = sqliteDeliveryIndex({ file, storeId: 'log-1' });
    const first = [of(1, 'delivered', 2), of(2, 'dead', 1)];
    index.commit({ position, rows, marks: [], minutes: first });
    index.commit({ position, rows, marks: [], minutes: [of(1, 'delivered', 3)] });
    using reader = openDeliveryIndexReader(file);
    expect(reader.perMinute(0, 120_000)).toEqual([of(1, 'delivered', 5)]);
    expect(reader.perMinute(0, 180_000)).toEqual([of(1, 'delivered', 5), of(2, 'dead', 1)]);
  });

  it('lists a channel or a reason alone as a scan would', () => {
    const channels = ['feishu', 'webhook', 'email'];
    const reasons = [null, 'address_gone', 'timeout'];
    const varied = rows.map((row, n) => ({
      ...row,
      channel: channels[n % 3] ?? '',
      reason: reasons[Math.floor(n / 3) % 3] ?? null,
    }));
    using index = sqliteDeliveryIndex({ file, storeId: 'log-1' });
    index.commit({ position, rows: varied, marks: [] });
    const numbered = varied.map((row, n) => ({ ...row, number: n + 1 })).toReversed();
    for (const channel of [...channels, 'none', undefined]) {
      for (const reason of ['address_gone', 'none', undefined]) {
        for (const status of ['dead', undefined] as const) {
          const wanted = numbered.filter(
            (row) =>
              (channel === undefined || row.channel === channel) &&
              (reason === undefined || row.reason === reason) &&
              (status === undefined || row.status === status) &&
              row.number < 20,
          );
          const found = index.list({ channel, reason, status, before: 20, limit: 5 });
          expect(found).toEqual(wanted.slice(0, 5));
        }
      }
    }
  });

  it('refuses the file of another log', () => {
    sqliteDeliveryIndex({ file, storeId: 'log-1' })[Symbol.dispose]();
    expect(() => sqliteDeliveryIndex({ file, storeId: 'log-2' })).toThrow(/another log/);
  });

  it('explains how to rebuild a damaged file', () => {
    {
      using index = sqliteDeliveryIndex({ file, storeId: 'log-1' });
      index.commit({ position, rows, marks: [] });
      using db = new DatabaseSync(file);
      db.exec("UPDATE deliveries SET status = 'lost' WHERE number = 3");
      using reader = openDeliveryIndexReader(file);
      expect(said(() => reader.list({ limit: 100 }))).toEqual(damaged);
      expect(said(() => index.get(rows[2]?.notificationId ?? ''))).toEqual(damaged);
    }
    // Whatever is behind the header and the first page is spoilt.
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0xff, 4_096));
    using reader = openDeliveryIndexReader(file);
    expect(said(() => reader.list({ limit: 100 }))).toEqual(damaged);
    expect(said(() => reader.counts())).toEqual(damaged);
    expect(said(() => sqliteDeliveryIndex({ file, storeId: 'log-1' }))).toEqual(damaged);
    // And whoever could not open it does not keep it.
    rmSync(file);
    sqliteDeliveryIndex({ file, storeId: 'log-1' })[Symbol.dispose]();
  });

  it('releases its lock when a table is missing', () => {
    sqliteDeliveryIndex({ file, storeId: 'log-1' })[Symbol.dispose]();
    {
      using db = new DatabaseSync(file);
      db.exec('DROP TABLE redrive_marks');
    }
    expect(() => sqliteDeliveryIndex({ file, storeId: 'log-1' })).toThrow(/marks/);
    for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
    using index = sqliteDeliveryIndex({ file, storeId: 'log-1' });
    expect(index.counts()).toEqual({});
  });

  it('reports that it is closed', () => {
    const index = sqliteDeliveryIndex({ file, storeId: 'log-1' });
    index[Symbol.dispose]();
    index[Symbol.dispose]();
    expect(() => index.counts()).toThrow(expect.objectContaining({ code: 'index_closed' }));
  });

  it('reads a snapshot while its owner writes', () => {
    using index = sqliteDeliveryIndex({ file, storeId: 'log-1' });
    index.commit({ position, rows, marks: [] });
    using reader = openDeliveryIndexReader(file, { snapshot: true });
    const list = reader.list({ limit: 100 });
    index.commit({ position, rows: rows.map((row) => ({ ...row, status: 'dead' })), marks: [] });
    expect(list.filter(({ status }) => status === 'delivered')).toHaveLength(12);
    expect(reader.counts()).toEqual({ dead: 13, delivered: 12 });
    using next = openDeliveryIndexReader(file);
    expect(next.counts()).toEqual({ dead: 25 });
  });

  it('lists the newest first, by user and status, in pages, beside its owner', () => {
    using index = sqliteDeliveryIndex({ file, storeId: 'log-1' });
    index.commit({ position, rows, marks: [] });
    using reader = openDeliveryIndexReader(file);
    const first = reader.list({ status: 'dead', limit: 10 });
    const second = reader.list({ status: 'dead', limit: 10, before: first.at(-1)?.number });
    const numbers = [...first, ...second].map(({ number }) => number);
    expect(numbers).toHaveLength(13);
    expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
    expect(reader.list({ userId: '3', limit: 100 }).map(({ userId }) => userId)).toEqual(
      Array.from({ length: 5 }, () => '3'),
    );
    expect(reader.get(rows[3]?.notificationId ?? '')).toEqual(rows[3]);
    expect(reader.get('none')).toBeUndefined();
  });

  it('filters and groups by status, channel, reason and the time of the status', () => {
    using index = sqliteDeliveryIndex({ file, storeId: 'log-1' });
    const varied = rows.map((row, n): DeliveryRow => ({
      ...row,
      channel: n % 3 === 0 ? 'webhook' : 'feishu',
      reason: n % 4 === 0 ? 'auth' : null,
      changedAt: T0 + n,
    }));
    index.commit({ position, rows: varied, marks: [] });
    const filters = [
      {},
      { status: 'dead' },
      { status: 'dead', channel: 'feishu', reason: 'auth' },
      { status: 'dead', since: T0 + 12 },
      { channel: 'webhook', userId: '3', since: T0 + 3 },
      { status: 'waiting' },
    ] as const satisfies DeliveryFilter[];
    for (const filter of filters) {
      const { status, channel, reason, userId, since = 0 }: DeliveryFilter = filter;
      const expected = varied.filter(
        (row) =>
          (status === undefined || row.status === status) &&
          (channel === undefined || row.channel === channel) &&
          (reason === undefined || row.reason === reason) &&
          (userId === undefined || row.userId === userId) &&
          row.changedAt >= since,
      );
      const ids = index.list({ ...filter, limit: 100 }).map((row) => row.notificationId);
      expect(ids).toEqual(expected.map((row) => row.notificationId).reverse());
      const groups = index.groups(filter);
      for (const group of groups) {
        const isIn = (row: DeliveryRow): boolean =>
          row.status === group.status &&
          row.channel === group.channel &&
          row.reason === group.reason;
        expect(group.count).toBe(expected.filter(isIn).length);
      }
      expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(expected.length);
      expect(groups.map(({ count }) => count)).toEqual(
        groups.map(({ count }) => count).sort((a, b) => b - a),
      );
    }
  });

  it('counts by status, channel and reason as its rows are, after any changes', () => {
    const codes = ['auth', 'gone', null] as const;
    const change = fc.record({
      n: fc.nat({ max: 5 }),
      status: fc.constantFrom(...DELIVERY_STATUSES),
      reason: fc.constantFrom(...codes),
    });
    let files = 0;
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 5 }), (commits) => {
        using index = sqliteDeliveryIndex({ file: `${file}-${(files += 1)}`, storeId: 'log-1' });
        const now = new Map<string, DeliveryRow>();
        for (const changes of commits) {
          const changed = changes.flatMap(({ n, status, reason }): DeliveryRow[] => {
            const row = rows[n];
            return row === undefined ? [] : [{ ...row, status, reason }];
          });
          for (const row of changed) now.set(row.notificationId, row);
          index.commit({ position, rows: changed, marks: [] });
        }
        const names = [...now.values()].map(({ status, channel, reason }) =>
          JSON.stringify([status, channel, reason]),
        );
        const counted = index
          .groups({})
          .flatMap(({ status, channel, reason, count }) =>
            Array.from({ length: count }, () => JSON.stringify([status, channel, reason])),
          );
        expect(counted.toSorted()).toEqual(names.toSorted());
        expect(Object.values(index.counts()).reduce((sum, n) => sum + n, 0)).toBe(now.size);
      }),
      { numRuns: 40 },
    );
  });

  it('reads dead deliveries by channel and reason from an index alone, in pages', () => {
    sqliteDeliveryIndex({ file, storeId: 'log-1' })[Symbol.dispose]();
    using db = new DatabaseSync(file);
    const plan = (sql: string): string =>
      db
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map(({ detail }) => String(detail))
        .join('; ');
    expect(
      plan(
        `SELECT status, channel, reason, count(*) FROM deliveries
         WHERE TRUE AND status = 'dead' AND changed_at >= 1 GROUP BY status, channel, reason`,
      ),
    ).toMatch(/^SEARCH deliveries USING COVERING INDEX deliveries_by_reason \(status=\?\)$/);
    expect(
      plan(
        `SELECT * FROM deliveries WHERE TRUE AND status = 'dead' AND channel = 'a' AND reason = 'b'
         AND number < 9 ORDER BY number DESC LIMIT 2`,
      ),
    ).toMatch(/^SEARCH deliveries USING INDEX deliveries_by_reason \(.*number<\?\)$/);
  });
});

it('listProcess keeps the list of a running worker up to date', async () => {
  await using world = await deliveryWorld();
  world.answers.push({ outcome: 'transient', code: 'provider_5xx', detail: '' });
  const worker = await world.worker();
  const notice = await world.notify();
  const row = await until('the list has its failure', () => {
    const found = worker.list.get(notice.id);
    return found?.reason === 'provider_5xx' ? found : undefined;
  });
  expect(row).toMatchObject({ status: 'waiting', attempts: 1, userId: '1', stream: notice.stream });
  expect(row.dueAt).toBeGreaterThan(T0);
  await world.toNextDue(notice);
  await until('the list has its end', () => worker.list.get(notice.id)?.status === 'delivered');
});
