// What happened, over the API: the same answers as the library's audit, and decisions about parked events.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { HttpAppOptions } from '../../src/adapters/http/app.ts';
import { sqliteNotaryState } from '../../src/adapters/sqlite/notary-state.ts';
import { openNotary } from '../../src/kernel/open-notary.ts';
import { verifyProof } from '../../src/projections/audit/proof/verify-proof.ts';
import { heldHeads, testFolder, testKey } from '../support/notary.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import { recordingOutput } from '../../src/adapters/memory/recording-output.ts';
import { temporaryReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import { createAudit } from '../../src/kernel/create-audit.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { createParked } from '../../src/kernel/parked.ts';
import { START } from '../support/world.ts';
import { apiWorld, type ApiWorld } from './api.support.ts';

const BASE = '/api/v1/notification';
const PARKED = '6072f595-6a17-5132-a9b1-daa475c1b68e';

/** A world with five requests of one window, of which the projection has decided all, and a parked event. */
async function decided(notary: HttpAppOptions['notary'] = { head: () => undefined }) {
  const store = memoryStore();
  const state = memoryReadModel();
  const audit = createAudit({ log: store, scratch: temporaryReadModel, state });
  const world = await apiWorld({
    store,
    audit: () => ({ ...audit, [Symbol.asyncDispose]: () => Promise.resolve() }),
    parked: createParked({ store, state: () => state }),
    notary,
  });
  for (let targetId = 1; targetId <= 5; targetId += 1) {
    await world.kernel.raise({
      ...{ userId: 42, triggerType: 'important_urgent_task', source: 'api_trigger' },
      ...{ targetType: 'task_pool', targetId },
    });
  }
  const broken = { id: PARKED, type: 'NotificationRequested', data: {}, metadata: {} };
  await store.append('tocsin.trigger-00-00000000-0000-5000-8000-000000000000', 'no_stream', [
    broken,
  ]);
  const project = () =>
    openProjector({ store, output: recordingOutput(), state, clock: world.clock }).once();
  await project();
  return { world, audit };
}

const get = (world: ApiWorld, path: string) =>
  world.ask('GET', `${BASE}${path}`, { token: world.service });

describe('the endpoints of what happened', () => {
  test('list requests by filters and pages', async () => {
    const { world } = await decided();
    const first = await get(world, '/requests?user_id=42&verdict=suppressed&limit=3');
    expect(first.body).toMatchObject({
      requests: [
        { user_id: 42, verdict: 'suppressed', reason: 'within_window', channel: 'feishu' },
        {},
        {},
      ],
    });
    const next = String(first.body['next_before']);
    const second = await get(
      world,
      `/requests?user_id=42&verdict=suppressed&limit=3&before=${next}`,
    );
    expect(second.body).toMatchObject({ requests: [{ verdict: 'suppressed' }], next_before: null });
    const one = await get(world, '/requests?target_id=1&trigger_type=important_urgent_task');
    expect(one.body).toMatchObject({ requests: [{ target_id: 1, verdict: 'published' }] });
    for (const wrong of ['verdict=maybe', 'before=999999999999999999999-0', 'from=30.04.2026']) {
      expect([wrong, (await get(world, `/requests?${wrong}`)).status]).toEqual([wrong, 400]);
    }
    world[Symbol.dispose]();
  });

  test('tell the story and the totals as the audit does', async () => {
    const { world, audit } = await decided();
    const [row] = (await audit.requests({ verdict: 'suppressed', limit: 1 })).requests;
    const explained = await audit.explain(row?.triggerId ?? '');
    const story = await get(world, `/stories/${row?.triggerId}?at=2030-01-01T00:00:00Z`);
    expect(story.body).toMatchObject({
      trigger_id: explained.triggerId,
      sentence: explained.sentence,
      decision: { verdict: 'suppressed', window_start: explained.decision?.windowStart },
      as_of: { at: '2030-01-01T00:00:00.000Z' },
    });
    const { parkedNow, ...totals } = audit.totals();
    expect((await get(world, '/totals')).body).toEqual({ ...totals, parked_now: parkedNow });
    expect((await get(world, '/stories/nothing')).status).toBe(404);
    world[Symbol.dispose]();
  });

  test('list parked events and record a decision about one', async () => {
    const { world } = await decided();
    expect((await get(world, '/parked')).body).toMatchObject({ parked: [{ event: PARKED }] });
    const token = await world.token(['console:act']);
    const body = { action: 'drop', reason: 'not ours' };
    const done = await world.ask('POST', `${BASE}/parked/${PARKED}`, { token, body });
    expect(done.body).toEqual({ resolved: true });
    const unknown = await world.ask('POST', `${BASE}/parked/x`, { token, body });
    expect(unknown).toMatchObject({ status: 404, body: { code: 'not_found' } });
    world[Symbol.dispose]();
  });

  test('set a policy and list the change', async () => {
    using world = await apiWorld();
    const body = { trigger_type: '*', policy: 'anchored 1h on requestedAt', reason: 'calmer' };
    const set = await world.ask('POST', `${BASE}/policies/set`, { token: world.service, body });
    expect(set.body).toEqual({ outcome: 'changed' });
    const { body: history } = await get(world, '/policies/history');
    expect(history).toMatchObject({
      changes: [{ type: 'NotificationPolicySet', policy: body.policy, reason: 'calmer' }],
    });
    const wrong = { ...body, policy: 'weekly' };
    const refused = await world.ask('POST', `${BASE}/policies/set`, {
      token: world.service,
      body: wrong,
    });
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_field' } });
  });

  test('count requests of each minute by their verdicts', async () => {
    const { world, audit } = await decided();
    const { published, suppressed } = audit.totals();
    const { body } = await get(world, `/minutes?span=day&until=${START}`);
    const Minutes = z.object({ minutes: z.array(z.looseObject({ requests: z.int() })) });
    const { minutes } = Minutes.parse(body);
    expect(minutes).toHaveLength(24 * 60);
    expect(minutes.filter(({ requests }) => requests > 0)).toEqual([
      {
        at: START,
        requests: published + suppressed,
        ...{ published, suppressed, delivered: 0, failed: 0 },
      },
    ]);
    expect(minutes.at(-1)).toMatchObject({ at: START });
    const last = await get(world, '/minutes');
    expect(Minutes.parse(last.body).minutes).toHaveLength(60);
    expect((await get(world, '/minutes?until=now')).status).toBe(400);
    world[Symbol.dispose]();
  });

  test('simulate other policies as the command does, two at a time', async () => {
    const { world, audit } = await decided();
    const body = { policies: { '*': 'none' } };
    const ask = (asked: object) =>
      world.ask('POST', `${BASE}/simulations`, { token: world.service, body: asked });
    const policies = new Map([['*', { kind: 'none' } as const]]);
    const result = await audit.simulate({ policies });
    const simulated = await ask(body);
    expect(simulated.body).toMatchObject({
      requests: result.requests,
      newly_sent: result.newlySent,
      before: { policies: 'as in the log', published: 1, suppressed: 4 },
      after: { policies: { '*': 'none' }, published: 5, suppressed: 0 },
      first_difference: { user: '42', after: { verdict: 'published' } },
      axis: 'requestedAt',
    });
    for (const wrong of [{}, { policies: {} }, { policies: { '*': 'weekly' } }, { ...body, x: 1 }])
      expect((await ask(wrong)).status).toBe(400);
    const many = await Promise.all([ask(body), ask(body), ask(body)]);
    expect(many.map(({ status }) => status).toSorted()).toEqual([200, 200, 429]);
    expect((await ask(body)).status).toBe(200);
    world[Symbol.dispose]();
  });

  test('prove a story under the newest head, as far as the head covers it', async () => {
    const key = testKey();
    const heads = heldHeads();
    const { world, audit } = await decided({ head: () => heads.held.at(-1) });
    const [row] = (await audit.requests({ verdict: 'published', limit: 1 })).requests;
    const path = `/stories/${row?.triggerId}/proof`;
    expect(await get(world, path)).toMatchObject({ status: 404, body: { code: 'not_found' } });
    const state = sqliteNotaryState({ file: join(testFolder(), 'notary.db') });
    const notary = openNotary({ log: world.store, state, signer: key.signer, outputs: [heads] });
    await notary.once(new AbortController().signal);
    const report = verifyProof((await get(world, path)).text, key.pem);
    expect(report).toMatchObject({ about: row?.triggerId, faults: [] });
    expect((await get(world, '/stories/nothing/proof')).status).toBe(404);
    state[Symbol.dispose]();
    world[Symbol.dispose]();
  });

  test('are unavailable until the projection has made its read model', async () => {
    const audit = () => {
      throw new TocsinError('usage', 'file_unusable', 'no such file', { hint: 'x' });
    };
    using world = await apiWorld({ audit });
    expect(await get(world, '/requests')).toMatchObject({
      status: 503,
      body: { code: 'unavailable' },
    });
  });
});
