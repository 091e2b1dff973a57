// Each endpoint through the real handler. The tests check each answer against the OpenAPI document.
import { describe, expect, test } from 'vitest';
import { formatInstant } from '../../src/domain/core/instants.ts';
import { defineTrigger } from '../../src/index.ts';
import { eventsOf } from '../support/world.ts';
import { apiWorld } from './api.support.ts';

const S = '/api/v1/active-schedule';
const N = '/api/v1/notification';

const ABOUT = {
  trigger_type: 'important_urgent_task',
  target_type: 'task_pool',
  target_id: 7,
} as const;

describe('POST /dry-run', () => {
  test('answers the evaluation of a trigger and writes nothing', async () => {
    using world = await apiWorld();
    const before = await eventsOf(world.store);
    const got = await world.ask('POST', `${S}/dry-run`, { token: world.one, body: ABOUT });
    expect(got).toMatchObject({ status: 200, body: { outcome: 'offer', candidates: [] } });
    expect(await eventsOf(world.store)).toEqual(before);
  });
});

describe('a request without a source', () => {
  const raised = (sources?: readonly string[]) =>
    apiWorld({
      kernelOptions: {
        triggers: [
          defineTrigger({ type: 'invoice_overdue', channel: 'email', ...(sources && { sources }) }),
        ],
        channels: ['email'],
      },
    });
  const body = { trigger_type: 'invoice_overdue', target_type: 'invoice', target_id: 'INV-1' };

  test.each<[string, readonly string[] | undefined, string]>([
    ['the only source of its type', ['nightly_run'], 'nightly_run'],
    ['api_trigger where its type allows it', ['nightly_run', 'api_trigger'], 'api_trigger'],
    ['api_trigger where its type allows any', undefined, 'api_trigger'],
  ])('has %s', async (_what, sources, source) => {
    using world = await raised(sources);
    const { ask, one: token } = world;
    expect(await ask('POST', `${S}/dry-run`, { token, body })).toMatchObject({ status: 200 });
    const { body: trigger } = await ask('POST', `${S}/trigger`, { token, body });
    const seen = await ask('GET', `${S}/trigger/${String(trigger['trigger_id'])}`, { token });
    expect(seen.body).toMatchObject({ source });
    const preview = { ...body, target_id: 'INV-2' };
    const offered = await ask('POST', `${S}/preview`, { token, body: preview });
    expect(offered.status).toBe(201);
  });

  test('is refused where its type has several others', async () => {
    using world = await raised(['nightly_run', 'import']);
    for (const path of ['dry-run', 'trigger', 'preview']) {
      const got = await world.ask('POST', `${S}/${path}`, { token: world.one, body });
      expect(got).toMatchObject({ status: 400, body: { issues: [{ field: 'source' }] } });
    }
  });
});

describe('the trigger endpoints', () => {
  test('raise a trigger with 201, answer a duplicate with 200, and get the trigger', async () => {
    using world = await apiWorld();
    const { ask, one: token } = world;
    const raised = await ask('POST', `${S}/trigger`, { token, body: { ...ABOUT, payload: null } });
    expect(raised).toMatchObject({ status: 201, body: { status: 'offered', dedupe_hit: false } });
    const again = await ask('POST', `${S}/trigger`, { token, body: { ...ABOUT, target_id: '7' } });
    expect(again.status).toBe(200);
    expect(again.body).toEqual({ ...raised.body, dedupe_hit: true });
    const id = String(raised.body['trigger_id']);
    const seen = await ask('GET', `${S}/trigger/${id}`, { token });
    expect(seen.body).toMatchObject({
      user_id: 1,
      target_id: 7,
      is_mock_time: false,
      occurrence: 1,
    });
  });

  test('cancel a trigger by its id, and all triggers about a target', async () => {
    using world = await apiWorld();
    const { ask, one: token } = world;
    const raise = async () => (await ask('POST', `${S}/trigger`, { token, body: ABOUT })).body;
    const id = String((await raise())['trigger_id']);
    const body = { reason: 'the invoice is paid' };
    const path = `${S}/trigger/${id}/cancel`;
    expect((await ask('POST', path, { token: world.two, body })).status).toBe(404);
    const trigger = { trigger_id: id, user_id: 1, status: 'cancelled', delivery: 'cancelled' };
    const cancelled = { outcome: 'cancelled', triggers: [trigger] };
    expect((await ask('POST', path, { token, body })).body).toEqual(cancelled);
    const seen = await ask('GET', `${S}/trigger/${id}`, { token });
    expect(seen.body).toMatchObject({ status: 'cancelled', reason: body.reason });
    expect(await raise()).toMatchObject({ dedupe_hit: false });
    const about = { ...ABOUT, ...body };
    const ofTwo = await ask('POST', `${S}/cancel`, { token: world.two, body: about });
    expect(ofTwo.body).toEqual({ outcome: 'unchanged', triggers: [] });
    const ofAll = await ask('POST', `${S}/cancel`, { token: world.service, body: about });
    expect(ofAll.body).toMatchObject({
      outcome: 'cancelled',
      triggers: [{ status: 'cancelled' }, { ...trigger, status: 'unchanged' }],
    });
  });

  test('record the actor and the trace of a raise', async () => {
    using world = await apiWorld();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const headers = { traceparent };
    await world.ask('POST', `${S}/trigger`, { token: world.one, body: ABOUT, headers });
    await world.ask('POST', `${S}/trigger`, {
      token: world.one,
      body: { ...ABOUT, target_id: 8 },
      headers: { traceparent: 'nonsense' },
    });
    const raised = (await eventsOf(world.store)).filter(({ type }) => type === 'TriggerRaised');
    const [tokenOfOne] = await world.tokens.list();
    const actor = `token:${tokenOfOne?.tokenId ?? ''}`;
    expect(raised.map(({ metadata }) => metadata)).toMatchObject([
      { actor, traceparent },
      { actor },
    ]);
    expect(raised[1]?.metadata).not.toHaveProperty('traceparent');
  });

  test('raise once for a key in the header or the body, and refuse another request with the key', async () => {
    using world = await apiWorld();
    const { ask, one: token } = world;
    const headers = { 'idempotency-key': 'k' };
    const first = await ask('POST', `${S}/trigger`, { token, body: ABOUT, headers });
    const inBody = { ...ABOUT, idempotency_key: 'k' };
    const second = await ask('POST', `${S}/trigger`, { token, body: inBody });
    expect(second.body).toEqual({ ...first.body, dedupe_hit: true });
    const other = await ask('POST', `${S}/trigger`, { token, body: { ...inBody, target_id: 8 } });
    expect(other).toMatchObject({ status: 409, body: { code: 'idempotency_conflict' } });
    const both = { ...ABOUT, idempotency_key: 'another' };
    const two = await ask('POST', `${S}/trigger`, { token, body: both, headers });
    expect(two).toMatchObject({ status: 400, body: { code: 'key_mismatch' } });
  });

  test.each([
    [{ ...ABOUT, target_id: 0 }, 'invalid_field', 'target_id'],
    [{ ...ABOUT, trigger_type: 'no_such_type' }, 'unknown_trigger_type', 'trigger_type'],
    [{ ...ABOUT, user_id: 2 }, 'unknown_field', 'user_id'],
    [{ ...ABOUT, mock_now: 'yesterday' }, 'invalid_field', 'mock_now'],
    [{ ...ABOUT, idempotency_key: 'k'.repeat(192) }, 'invalid_field', 'idempotency_key'],
    [{ trigger_type: 'important_urgent_task' }, 'invalid_field', 'target_id'],
    [{ ...ABOUT, target_type: undefined }, 'invalid_field', 'target_type'],
    [{ ...ABOUT, target_type: 'invoice' }, 'invalid_field', 'target_type'],
    [{ ...ABOUT, channel: 'pigeon' }, 'unknown_channel', 'channel'],
    [[], 'invalid_field', 'request'],
  ])('from %j is refused by its field: %s %s', async (body, code, field) => {
    using world = await apiWorld();
    const got = await world.ask('POST', `${S}/trigger`, { token: world.one, body });
    expect(got).toMatchObject({ status: 400, body: { code } });
    expect(JSON.stringify(got.body['issues'])).toContain(`"${field}"`);
  });

  test('refuse a key in the header that is too long', async () => {
    using world = await apiWorld();
    const headers = { 'idempotency-key': 'k'.repeat(192) };
    const got = await world.ask('POST', `${S}/trigger`, { token: world.one, body: ABOUT, headers });
    expect(got.body).toMatchObject({
      code: 'invalid_field',
      issues: [{ field: 'idempotency_key' }],
    });
  });
});

describe('the preview endpoints', () => {
  test('create a preview without a notification, get it, and confirm it once per key', async () => {
    using world = await apiWorld();
    const { ask, one: token } = world;
    const made = await ask('POST', `${S}/preview`, { token, body: ABOUT });
    expect(made).toMatchObject({ status: 201, body: { status: 'ready', can_confirm: true } });
    const types = (await eventsOf(world.store)).map(({ type }) => type);
    expect(types).not.toContain('NotificationRequested');
    const path = `${S}/preview/${String(made.body['preview_id'])}`;
    expect((await ask('GET', path, { token })).body).toEqual(made.body);
    expect((await ask('POST', `${S}/preview`, { token, body: ABOUT })).status).toBe(200);
    const headers = { 'idempotency-key': 'yes' };
    const yes = await ask('POST', `${path}/confirm`, { token, body: {}, headers });
    expect(yes).toMatchObject({ status: 200, body: { apply_status: 'applied' } });
    const again = await ask('POST', `${path}/confirm`, { token, body: { idempotency_key: 'yes' } });
    expect(again.body).toEqual(yes.body);
    const other = await ask('POST', `${path}/confirm`, { token, body: { idempotency_key: 'no' } });
    expect(other).toMatchObject({ status: 409, body: { code: 'already_applied' } });
  });

  test('dismiss a preview, also twice', async () => {
    using world = await apiWorld();
    const { ask, one: token } = world;
    const made = await ask('POST', `${S}/preview`, { token, body: ABOUT });
    const path = `${S}/preview/${String(made.body['preview_id'])}`;
    const no = { status: 200, body: { dismissed: true } };
    expect(await ask('POST', `${path}/dismiss`, { token })).toMatchObject(no);
    expect(await ask('POST', `${path}/dismiss`, { token, body: { reason: 'no' } })).toMatchObject(
      no,
    );
    const yes = await ask('POST', `${path}/confirm`, { token, body: { idempotency_key: 'k' } });
    expect(yes).toMatchObject({ status: 409, body: { code: 'dismissed' } });
  });

  test('answer expired for an expired preview that can still be read', async () => {
    using world = await apiWorld();
    const { ask, one: token } = world;
    const made = await ask('POST', `${S}/preview`, { token, body: ABOUT });
    const path = `${S}/preview/${String(made.body['preview_id'])}`;
    world.clock.advance(3_600_000);
    expect((await ask('GET', path, { token })).body).toMatchObject({ status: 'expired' });
    const late = await ask('POST', `${path}/confirm`, { token, body: { idempotency_key: 'k' } });
    expect(late).toMatchObject({ status: 409, body: { code: 'expired' } });
  });

  test('refuse a confirm without a key or with an unknown field, by field name', async () => {
    using world = await apiWorld();
    const { ask, one: token } = world;
    const made = await ask('POST', `${S}/preview`, { token, body: ABOUT });
    const path = `${S}/preview/${String(made.body['preview_id'])}/confirm`;
    const keyless = await ask('POST', path, { token, body: {} });
    expect(keyless.body).toMatchObject({ issues: [{ field: 'idempotency_key' }] });
    const odd = await ask('POST', path, { token, body: { candidate: 'x' } });
    expect(odd.body).toMatchObject({ code: 'unknown_field', issues: [{ field: 'candidate' }] });
  });

  test('answer apply_failed with the code of the host', async () => {
    using world = await apiWorld({
      kernelOptions: {
        apply: () => Promise.resolve({ outcome: 'refused', code: 'slot_conflict' }),
        evaluate: () => ({
          outcome: 'offer',
          kind: 'proposal',
          candidates: [
            {
              candidateId: 'c',
              type: 'add',
              score: 1,
              changes: [
                {
                  changeId: 'c:chg_1',
                  type: 'add',
                  targetType: 'task_pool',
                  targetId: '7',
                  startAt: 0,
                  endAt: 1000,
                  editable: true,
                },
              ],
            },
          ],
        }),
      },
    });
    const { ask, one: token } = world;
    const made = await ask('POST', `${S}/preview`, { token, body: ABOUT });
    const path = `${S}/preview/${String(made.body['preview_id'])}/confirm`;
    const edited_changes = [
      { change_id: 'c:chg_1', start_at: formatInstant(0), end_at: formatInstant(5) },
    ];
    const yes = { candidate_id: 'c', idempotency_key: 'k' };
    const longer = await ask('POST', path, { token, body: { ...yes, edited_changes } });
    expect(longer).toMatchObject({ status: 400, body: { code: 'invalid_edited_changes' } });
    const got = await ask('POST', path, { token, body: yes });
    expect(got).toMatchObject({
      status: 409,
      body: { code: 'apply_failed', apply: { code: 'slot_conflict' } },
    });
  });

  test('create no preview when the evaluation offers nothing', async () => {
    using world = await apiWorld({
      kernelOptions: { evaluate: () => ({ outcome: 'close', reason: 'it is done' }) },
    });
    const got = await world.ask('POST', `${S}/preview`, { token: world.one, body: ABOUT });
    expect(got).toMatchObject({ status: 409, body: { code: 'nothing_to_offer' } });
  });
});

describe('the delivery endpoints', () => {
  test('list deliveries in pages, show one with its steps and without details, and redrive it', async () => {
    using world = await apiWorld();
    const { ask, one: token } = world;
    const ids = [await world.dead('1', 1), await world.dead('1', 2), await world.dead('1', 3)];
    const first = await ask('GET', `${N}/deliveries?limit=2&status=dead`, { token });
    const page = first.body['deliveries'];
    expect(page).toMatchObject([{ notification_id: ids[2] }, { notification_id: ids[1] }]);
    const before = String(first.body['next_before']);
    const rest = await ask('GET', `${N}/deliveries?limit=2&before=${before}`, { token });
    expect(rest.body).toMatchObject({ deliveries: [{ notification_id: ids[0], user_id: 1 }] });
    expect(rest.body).not.toHaveProperty('next_before');
    const path = `${N}/deliveries/${ids[0] ?? ''}`;
    const shown = await ask('GET', path, { token });
    expect(shown.body).toMatchObject({
      status: 'dead',
      steps: [{ type: 'NotificationAccepted' }, { type: 'DeliveryDied', code: 'auth' }],
    });
    expect(shown.text).not.toContain('canary-detail');
    const again = await ask('POST', `${path}/redrive`, { token, body: { reason: 'repaired' } });
    expect(again).toMatchObject({ status: 200, body: { redriven: true } });
    const twice = await ask('POST', `${path}/redrive`, { token, body: { reason: 'repaired' } });
    expect(twice).toMatchObject({ status: 409, body: { code: 'under_way' } });
  });

  test('answer the service with the deliveries of all users, or of the user that it names', async () => {
    using world = await apiWorld();
    const { ask, service: token } = world;
    const ids = [await world.dead('1', 1), await world.dead('2', 2)];
    expect((await ask('GET', `${N}/deliveries`, { token })).body['deliveries']).toHaveLength(2);
    const headers = { 'tocsin-user': '2' };
    const ofTwo = await ask('GET', `${N}/deliveries`, { token, headers });
    expect(ofTwo.body['deliveries']).toMatchObject([{ notification_id: ids[1] }]);
    const foreign = await ask('GET', `${N}/deliveries/${ids[0] ?? ''}`, { token, headers });
    expect(foreign.status).toBe(404);
  });

  test('count and filter dead deliveries, and redrive those that match, with a dry run first', async () => {
    using world = await apiWorld();
    const { ask, one, service: token, clock } = world;
    const old = await world.dead('1', 1);
    clock.advance(3_600_000);
    const since = formatInstant(clock.now());
    const ids = [await world.dead('1', 2), await world.dead('2', 3)];
    const groups = [{ status: 'dead', channel: 'feishu', reason: 'auth', count: 3 }];
    expect((await ask('GET', `${N}/deliveries/summary?status=dead`, { token })).body).toEqual({
      groups,
    });
    const own = await ask('GET', `${N}/deliveries/summary`, { token: one });
    expect(own.body).toMatchObject({ groups: [{ count: 2 }] });
    const query = new URLSearchParams({ since, channel: 'feishu', reason: 'auth' });
    const listed = await ask('GET', `${N}/deliveries?${query.toString()}`, { token });
    expect(listed.body).toMatchObject({
      deliveries: [
        { notification_id: ids[1], changed_at: since },
        { notification_id: ids[0], changed_at: since },
      ],
    });
    const none = await ask('GET', `${N}/deliveries?channel=webhook`, { token });
    expect(none.body).toEqual({ deliveries: [] });

    const body = { filter: { status: 'dead' }, reason: 'the token is new' };
    const path = `${N}/deliveries/redrive`;
    const expected = {
      matched: 3,
      redriven: 2,
      refused: { expired: 1 },
      groups: [{ channel: 'feishu', reason: 'auth', count: 3 }],
      notification_ids: [ids[1], ids[0]],
      refused_ids: [{ notification_id: old, code: 'expired' }],
    };
    const dry = await ask('POST', path, { token, body: { ...body, dry_run: true } });
    expect(dry.body).toEqual({ dry_run: true, ...expected });
    // A user redrives own deliveries alone.
    const ofOne = await ask('POST', path, { token: one, body });
    expect(ofOne.body).toMatchObject({ matched: 2, redriven: 1, notification_ids: [ids[0]] });
    const page = await ask('POST', path, { token, body: { ...body, limit: 1 } });
    expect(page.body).toMatchObject({ matched: 1, redriven: 1, notification_ids: [ids[1]] });
    const before = page.body['next_before'];
    const rest = await ask('POST', path, { token, body: { ...body, before } });
    expect(rest.body).toMatchObject({ redriven: 0, refused: { under_way: 1, expired: 1 } });
    const shown = await ask('GET', `${N}/deliveries/${ids[1] ?? ''}`, { token });
    expect(shown.body['steps']).toMatchObject([{}, {}, { code: 'the token is new' }]);
  });

  test.each([
    { filter: {}, reason: 'r' },
    { filter: { status: 'expired' }, reason: 'r' },
    { filter: { status: 'dead', reason: 'no code' }, reason: 'r' },
    { filter: { status: 'dead', since: 'yesterday' }, reason: 'r' },
    { filter: { status: 'dead' } },
    { filter: { status: 'dead' }, reason: 'r', limit: 41 },
  ])('refuse to redrive by %j', async (body) => {
    using world = await apiWorld();
    const got = await world.ask('POST', `${N}/deliveries/redrive`, { token: world.one, body });
    expect(got.status).toBe(400);
  });

  test.each([
    'limit=0',
    'limit=201',
    'limit=x',
    'status=odd',
    'colour=red',
    'limit=1&limit=2',
    'since=x',
    'channel=A',
    'reason=%20',
  ])('refuse the query %s', async (query) => {
    using world = await apiWorld();
    const got = await world.ask('GET', `${N}/deliveries?${query}`, { token: world.one });
    expect(got.status).toBe(400);
  });
});

describe('the policy endpoints', () => {
  test('show policies, mute and unmute, and record the actor', async () => {
    using world = await apiWorld();
    const { ask, service: token, clock } = world;
    const until = formatInstant(clock.now() + 3_600_000);
    const body = { trigger_type: '*', until, reason: 'the import runs wild' };
    const changed = { status: 200, body: { outcome: 'changed' } };
    expect(await ask('POST', `${N}/policies/mute`, { token, body })).toMatchObject(changed);
    expect((await ask('POST', `${N}/policies/mute`, { token, body })).body).toEqual({
      outcome: 'unchanged',
    });
    const shown = await ask('GET', `${N}/policies`, { token });
    expect(shown.body).toMatchObject({
      mutes: { '*': until },
      policies: { '*': 'tumbling 30m on requestedAt' },
    });
    const [entry] = await world.kernel.policies.history();
    expect(entry?.actor).toMatch(/^token:[0-9a-f]{16}$/);
    const over = { trigger_type: '*', reason: 'repaired' };
    expect(await ask('POST', `${N}/policies/unmute`, { token, body: over })).toMatchObject(changed);
  });

  test('refuse a mute that ends in the past or after the longest mute', async () => {
    using world = await apiWorld();
    const { ask, service: token } = world;
    for (const until of ['2020-01-01T00:00:00Z', '2030-01-01T00:00:00Z']) {
      const body = { trigger_type: '*', until, reason: 'r' };
      const got = await ask('POST', `${N}/policies/mute`, { token, body });
      expect(got).toMatchObject({ status: 400, body: { issues: [{ field: 'until' }] } });
    }
  });
});

describe('the channel endpoints', () => {
  test('configure, show, test and remove a channel, and show a missing channel without an error', async () => {
    using world = await apiWorld();
    const { ask, one: token } = world;
    const path = `${N}/channels/webhook`;
    const absent = { status: 200, body: { configured: false, has_secret: false } };
    expect(await ask('GET', path, { token })).toMatchObject(absent);
    expect((await ask('POST', `${path}/test`, { token })).body['code']).toBe('not_configured');
    const body = { webhook_url: 'https://hooks.example/canary-url', bearer_token: 'canary-bearer' };
    const put = await ask('PUT', path, { token, body });
    expect(put).toMatchObject({ status: 200, body: { configured: true, has_bearer_token: true } });
    expect(put.text).not.toContain('canary');
    expect((await ask('POST', `${path}/test`, { token })).body['outcome']).toBe('accepted');
    const gone = { status: 200, body: { deleted: true } };
    expect(await ask('DELETE', path, { token })).toMatchObject(gone);
    expect(await ask('DELETE', path, { token })).toMatchObject(gone);
  });

  test('name the field of an invalid address, and answer not_found for an unknown channel', async () => {
    using world = await apiWorld();
    const { ask, one: token } = world;
    const body = { webhook_url: 'http://10.0.0.1/canary' };
    const got = await ask('PUT', `${N}/channels/feishu`, { token, body });
    expect(got.body).toMatchObject({ code: 'invalid_url', issues: [{ field: 'webhook_url' }] });
    expect(got.text).not.toContain('canary');
    expect((await ask('GET', `${N}/channels/pigeon`, { token })).status).toBe(404);
  });
});
