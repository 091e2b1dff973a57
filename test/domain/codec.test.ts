// The event codec: it upcasts events of older versions and reports events that it cannot decode.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CONTROL_EVENTS, controlCodec } from '../../src/domain/control/events.ts';
import { createCodec, type EventSchemas } from '../../src/domain/core/codec.ts';
import { DELIVERY_EVENTS, deliveryCodec } from '../../src/domain/delivery/events.ts';
import { TRIGGER_EVENTS, triggerCodec } from '../../src/domain/trigger/events.ts';
import type { RecordedEvent, Unreadable } from '../../src/domain/core/recorded-event.ts';
import type { Json, JsonObject } from '../../src/domain/core/json.ts';
import { metadata } from '../support/log-edits.ts';

/** Version 1 had `{name}`, version 2 `{first, last}`, version 3 also has a title. */
const codec = createCodec(
  { Named: z.object({ first: z.string(), last: z.string(), title: z.string() }) },
  {
    upcasters: {
      Named: [
        ({ name }) => {
          if (typeof name !== 'string') throw new Error('there is no name');
          const [first = '', last = ''] = name.split(' ');
          return { first, last };
        },
        (data) => ({ ...data, title: '' }),
      ],
    },
  },
);

function decode(data: Json | Unreadable, version: Json, more: JsonObject = {}) {
  const recorded: RecordedEvent = {
    id: '00000000-0000-4000-8000-000000000000',
    stream: 's',
    revision: 0n,
    position: { commit: 1n, prepare: 1n },
    type: 'Named',
    data,
    metadata: { ...metadata('2026-01-01T10:00:00.000Z'), schemaVersion: version, ...more },
  };
  return codec.decode(recorded);
}

describe('createCodec, upcasting', () => {
  it.each([
    [1, { name: 'Ada Lovelace' }, { first: 'Ada', last: 'Lovelace', title: '' }],
    [2, { first: 'Ada', last: 'Lovelace' }, { first: 'Ada', last: 'Lovelace', title: '' }],
    [3, { first: 'A', last: 'L', title: 'Lady' }, { first: 'A', last: 'L', title: 'Lady' }],
  ])('applies every upcaster from version %i on', (version, stored, data) => {
    expect(decode(stored, version)).toMatchObject({ kind: 'event', event: { data } });
  });

  it('reports data that makes an upcaster throw as schema_invalid', () => {
    expect(decode({ nonsense: 1 }, 1)).toMatchObject({
      kind: 'fault',
      fault: { code: 'schema_invalid', detail: expect.stringContaining('version 1') as string },
    });
  });
});

describe('createCodec, faults', () => {
  it.each<[string, Json | Unreadable, Json, string]>([
    ['of a newer version', { first: 'A', last: 'L', title: '' }, 4, 'newer_version'],
    ['of version 0', { first: 'A', last: 'L', title: '' }, 0, 'metadata_invalid'],
    ['of a version that is no number', { name: 'A L' }, '1', 'metadata_invalid'],
    ['that is no JSON', { unreadable: new Uint8Array([0x7b]) }, 1, 'broken_json'],
    ['that is no object', ['Ada'], 1, 'broken_json'],
    ['of another shape', { first: 1 }, 2, 'schema_invalid'],
  ])('reports an event %s with a code', (_what, data, version, code) => {
    expect(decode(data, version)).toMatchObject({ kind: 'fault', fault: { code } });
  });

  it('names fields in the detail and quotes no value', () => {
    const decoded = decode({ first: 'secret-a', last: 7, title: 'secret-b' }, 3);
    expect(JSON.stringify(decoded)).toContain('last');
    expect(JSON.stringify(decoded)).not.toContain('secret');
  });
});

describe('an event that changes what readers must do', () => {
  const ids = { commandId: 'c', correlationId: 'c', causationId: 'c' };
  const written = { ...ids, schemaVersion: 1, recordedAt: Date.UTC(2026, 0, 1) };
  const event = '00000000-0000-4000-8000-000000000000';
  const about = { notificationId: event, userId: '1', triggerType: 'a', mock: false } as const;
  const [reason, triggerType] = ['why', 'a'] as const;
  const place = { event, stream: 's', revision: 1n } as const;
  const encoded = [
    ...[
      { type: 'RequestReleased', data: { ...place, reason } } as const,
      { type: 'ParkResolved', data: { ...place, action: 'drop' } } as const,
      { type: 'RulesetActivated', data: { ruleset: 1 } } as const,
      {
        type: 'NotificationPolicySet',
        data: { triggerType, policy: { kind: 'none' }, reason },
      } as const,
      { type: 'NotificationsMuted', data: { triggerType, until: 1, reason } } as const,
      { type: 'NotificationsUnmuted', data: { triggerType, reason } } as const,
    ].map((one) => [CONTROL_EVENTS, controlCodec.encode(one, written, event)] as const),
    [
      TRIGGER_EVENTS,
      triggerCodec.encode(
        { type: 'TriggerCancelled', data: { triggerId: 'ast_1', occurrence: 1, personal: {} } },
        written,
        event,
      ),
    ] as const,
    ...[
      { type: 'DeliveryCancelled', data: { ...about, reason: 'cancelled' } } as const,
      { type: 'DeliveryRedriven', data: { ...about, reason } } as const,
    ].map((one) => [DELIVERY_EVENTS, deliveryCodec.encode(one, written, event)] as const),
  ];

  it.each(encoded.map(([schemas, one]) => [one.type, schemas, one] as const))(
    'is no event to skip for a reader that does not know %s',
    (type, schemas: EventSchemas, one) => {
      const older = Object.entries(schemas).filter(([name]) => name !== type);
      const recorded = { ...one, ...at };
      expect(createCodec(Object.fromEntries(older)).decode(recorded)).toMatchObject({
        kind: 'fault',
        fault: { code: 'must_understand' },
      });
      expect(createCodec(schemas).decode(recorded)).toMatchObject({ kind: 'event' });
    },
  );

  it('is the only kind with a mark: others are skipped as before', () => {
    const opened = { type: 'StoreInitialised', data: { storeId: event } } as const;
    const recorded = { ...controlCodec.encode(opened, written, event), ...at };
    expect(recorded.metadata).not.toHaveProperty('mustUnderstand');
    expect(createCodec({}).decode(recorded)).toEqual({ kind: 'unknown' });
  });
});

const at = { stream: 's', revision: 0n, position: { commit: 1n, prepare: 1n } };
