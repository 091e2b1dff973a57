// The published contracts: parsing of messages, and the AsyncAPI document.
import { describe, expect, it } from 'vitest';
import { asyncApi, parseMessage } from '../../src/contracts.ts';

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

const triggered = {
  trigger_id: 'ast_1',
  user_id: 42,
  trigger_type: 'important_urgent_task',
  source: 'api_trigger',
  target_type: 'task_pool',
  target_id: 7,
  is_mock_time: false,
  requested_at: '2026-04-30T02:17:42.000Z',
};

const requested = {
  notification_id: '6f1c5a0e-3b52-5c7e-9d4a-7a2f4e0b8c11',
  user_id: 'ada',
  preview_id: 'asp_1',
  trigger_id: 'ast_1',
  trigger_type: 'important_urgent_task',
  target_type: 'task_pool',
  target_id: 7,
  dedupe_key: 'ada:important_urgent_task:2026-04-30T02:00:00Z',
  target_url: '/schedule-adjust/asp_1',
  requested_at: '2026-04-30T02:17:42.000Z',
};

describe('parseMessage', () => {
  it.each([
    'active_schedule.triggered',
    'active_schedule.triggered.6d.42',
    'mock.active_schedule.triggered.6d.42',
    'acme.prod.active_schedule.triggered.6d.a%2Eb@c',
    'live.active_schedule.triggered.6d.42',
  ])('knows the contract of %s', (name) => {
    const contract = 'active_schedule.triggered';
    expect(parseMessage(name, encode(triggered))).toEqual({ ok: true, contract, data: triggered });
  });

  it.each([
    'notification.feishu.requested',
    'notification.webhook.requested.00.ada',
    'acme.mock.notification.email.requested.00.urn:user:1',
  ])('knows the contract of %s', (name) => {
    expect(parseMessage(name, encode(requested))).toMatchObject({ ok: true, data: requested });
  });

  it.each(['schedule.apply.succeeded', 'acme.schedule.apply.failed.6d.42'])(
    'knows the contract of %s',
    (name) => {
      const succeeded = {
        preview_id: 'asp_1',
        apply_id: 'asap_1',
        user_id: 42,
        trigger_id: 'ast_1',
        candidate_id: 'add:1',
      };
      const data = name.includes('failed')
        ? { ...succeeded, apply_status: 'failed', error_code: 'slot_conflict' }
        : { ...succeeded, apply_status: 'applied', applied_event_ids: [7, 'a b'] };
      expect(parseMessage(name, encode(data))).toMatchObject({ ok: true, data });
      expect(parseMessage(name, encode(succeeded))).toMatchObject({ code: 'schema_invalid' });
    },
  );

  it.each([
    '',
    'constructor',
    'active_schedule',
    'active_schedule.triggered.6d',
    'inactive_schedule.triggered.6d.42',
    'notification.SMS.requested.6d.42',
    'acme.notification.sms.requested',
    'active_schedule.triggered.zz.42',
  ])('does not know %s', (name) => {
    expect(parseMessage(name, encode(triggered))).toMatchObject({ code: 'unknown_contract' });
  });

  it('names the invalid fields and does not quote their values', () => {
    const broken = { ...triggered, user_id: 'no such/secret', requested_at: 'today' };
    const parsed = parseMessage('active_schedule.triggered', encode(broken));
    expect(parsed).toMatchObject({ ok: false, code: 'schema_invalid' });
    expect(JSON.stringify(parsed)).toMatch(/user_id.*requested_at/);
    expect(JSON.stringify(parsed)).not.toMatch(/secret|today/);
  });

  it.each([
    ['text that is not JSON', new TextEncoder().encode('{')],
    ['bytes that are not UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
    ['nothing', new Uint8Array()],
  ])('returns broken_json for %s and does not throw', (_name, data) => {
    expect(parseMessage('active_schedule.triggered', data)).toMatchObject({ code: 'broken_json' });
  });

  it('leaves out fields of later versions', () => {
    const parsed = parseMessage('active_schedule.triggered', encode({ ...triggered, added: 1 }));
    expect(parsed).toMatchObject({ ok: true, data: triggered });
    expect(parsed.ok && 'added' in parsed.data).toBe(false);
  });
});

type Node = { readonly [key: string]: unknown };

describe('asyncApi', () => {
  const document = asyncApi();

  it('has a channel for real and a channel for mock traffic of every contract', () => {
    expect(document).toMatchObject({ asyncapi: '3.0.0' });
    const addresses = Object.values(document['channels'] as Node).map(
      (channel) => (channel as Node)['address'],
    );
    expect(addresses).toEqual(
      [
        'trigger.raised',
        'active_schedule.triggered',
        'schedule.apply.succeeded',
        'schedule.apply.failed',
        'notification.feishu.requested',
        'notification.webhook.requested',
      ]
        .flatMap((name) => [name, `mock.${name}`])
        .map((name) => `${name}.{share}.{user}`),
    );
  });

  it('has no dangling reference', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)];
    expect(references.length).toBeGreaterThan(10);
    for (const [, path = ''] of references) {
      const found = path.split('/').reduce<unknown>((at, key) => (at as Node)[key], document);
      expect(found, path).toBeTypeOf('object');
    }
  });

  it('describes every header and field, with formats', () => {
    const { schemas } = document['components'] as { schemas: Record<string, Node> };
    const fields = (name: string) => schemas[name]?.['properties'] as Record<string, Node>;
    expect(Object.keys(fields('headers'))).toEqual([
      'ce-specversion',
      'ce-id',
      'ce-source',
      'ce-type',
      'ce-dataschema',
      'ce-subject',
      'ce-time',
      'content-type',
      'Tocsin-Ordinal',
      'Tocsin-Position',
      'Tocsin-Stream',
      'Tocsin-Revision',
      'Tocsin-Ruleset',
      'Tocsin-Digest',
      'Tocsin-Signature',
      'traceparent',
    ]);
    expect(fields('active_schedule.triggered')['requested_at']).toMatchObject({
      type: 'string',
      format: 'date-time',
    });
    const { target_url: _optional, ...required } = requested;
    expect(schemas['notification.feishu.requested']?.['required']).toEqual(Object.keys(required));
  });

  it('puts the subject root before every address', () => {
    const text = JSON.stringify(asyncApi({ subjectRoot: 'acme.' }));
    expect(text).toContain('"address":"acme.mock.active_schedule.triggered.{share}.{user}"');
  });
});
