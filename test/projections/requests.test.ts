// The list of requests: filters, pages, and what a page costs.
import { beforeAll, describe, expect, it } from 'vitest';
import { listRequests, type RequestQuery } from '../../src/projections/audit/history/requests.ts';
import type { VerdictPages } from '../../src/projections/audit/reading/ports.ts';
import { makeWorld, type World } from '../support/world.ts';

const USERS = [1, 2, 3];
const PER_USER = 60;

let world: World;
let verdicts: VerdictPages;

beforeAll(async () => {
  world = await makeWorld();
  for (let n = 0; n < PER_USER; n += 1) {
    for (const userId of USERS) {
      await world.kernel.raise({
        ...{ userId, triggerType: 'important_urgent_task', source: 'api_trigger' },
        ...{ targetType: 'task_pool', targetId: n + 1 },
        requestedAt: new Date(world.clock.now()),
      });
    }
    world.clock.advance(10 * 60_000);
  }
  await world.project();
  verdicts = world.file.open();
});

const list = (query: Partial<RequestQuery> = {}) =>
  listRequests({ log: world.store, verdicts }, { limit: 200, ...query });

async function allPages(query: Partial<RequestQuery>): Promise<readonly string[]> {
  const found: string[] = [];
  let before: string | undefined;
  do {
    const page = await list({ ...query, before });
    found.push(...page.requests.map(({ place }) => place));
    before = page.next ?? undefined;
  } while (before !== undefined);
  return found;
}

describe('listRequests', () => {
  it('lists every request once over its pages, of all users and of one', async () => {
    const all = await allPages({ limit: 7 });
    expect(all).toHaveLength(USERS.length * PER_USER);
    expect(new Set(all).size).toBe(all.length);
    const own = await allPages({ user: '2', limit: 7 });
    expect(own).toHaveLength(PER_USER);
    expect(new Set(own).size).toBe(PER_USER);
  });

  it('counts by verdict as the checkpoint of the read model counts', async () => {
    const counts = world.file.snapshot().checkpoint?.counts;
    expect(await allPages({ verdict: 'published' })).toHaveLength(counts?.published ?? -1);
    expect(await allPages({ verdict: 'suppressed' })).toHaveLength(counts?.suppressed ?? -1);
    expect(await allPages({ reason: 'within_window' })).toHaveLength(counts?.suppressed ?? -1);
  });

  it('filters by target and channel, which only the log knows', async () => {
    const { requests } = await list({ targetId: '5', targetType: 'task_pool', channel: 'feishu' });
    expect(requests.map(({ userId, targetId }) => [userId, targetId])).toEqual([
      ['3', '5'],
      ['2', '5'],
      ['1', '5'],
    ]);
    expect((await list({ channel: 'webhook' })).requests).toEqual([]);
  });

  it('filters by the start of the window, and reads no row of a user before the span', async () => {
    const from = Date.parse('2026-01-01T19:00:00Z');
    const to = Date.parse('2026-01-01T19:30:00Z');
    for (const user of [undefined, '1']) {
      const { requests, searched } = await list({ user, from, to });
      expect(requests.map(({ windowStart }) => windowStart)).toEqual(
        Array.from({ length: user === undefined ? 9 : 3 }, () => '2026-01-01T19:00:00.000Z'),
      );
      expect(searched).toBeLessThanOrEqual(200);
    }
  });

  it('refuses text that is no place', async () => {
    for (const before of ['', 'x', '1', '9-', "1-1'--"]) {
      await expect(list({ limit: 3, before })).rejects.toMatchObject({ code: 'invalid_place' });
    }
  });

  it('ends a page after so many rows and goes on from there', async () => {
    const rows = verdicts.verdictsBefore({ limit: 1 });
    const [one] = rows;
    if (one === undefined) throw new Error('there is no verdict');
    let read = 0;
    const endless: VerdictPages = {
      verdictsBefore: ({ limit }) => {
        read += limit;
        return Array.from({ length: limit }, () => one);
      },
    };
    const page = await listRequests(
      { log: world.store, verdicts: endless },
      { reason: 'no_such_reason', limit: 50 },
    );
    expect(page).toMatchObject({ requests: [], searched: 10_000 });
    expect(page.next).not.toBeNull();
    expect(read).toBe(10_000);
  });
});
