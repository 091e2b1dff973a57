// Vectors of the stored forms of channels and sealing: stream names, events, vault names and boxes. vectors.py
// computes the names; another implementation of AES-GCM made the box.
import { expect, it } from 'vitest';
import { channelCodec, type ChannelEvent } from '../../src/domain/channel/events.ts';
import { channelStream } from '../../src/domain/channel/stream.ts';
import { sealOf } from '../../src/domain/core/personal.ts';
import { unseal, userKeyName } from '../../src/kernel/sealing/user-key.ts';
import { secretsPrefix } from '../../src/kernel/channels/secrets.ts';

const ID = '6f1c5a0e-3b52-4c7e-9d4a-7a2f4e0b8c11';

it('channelStream depends on user and channel', () => {
  expect(channelStream('tocsin', '42', 'feishu')).toBe(
    'tocsin.channel-22-ec7263f6-3b8d-5613-93cd-45e00082345f',
  );
  expect(channelStream('tocsin', 'ada.l@example.org', 'webhook')).toBe(
    'tocsin.channel-b7-f434f4d1-5f8e-55f3-976b-c41074cf6d2e',
  );
});

it('a stored ChannelConfigured event contains no secret', () => {
  const event: ChannelEvent = {
    type: 'ChannelConfigured',
    data: {
      userId: '42',
      channel: 'feishu',
      version: 1,
      kind: 'feishu_flow',
      enabled: true,
      mask: 'https://www.feishu.cn/flow/api/trigger-webhook/abcd...wxyz',
      fingerprint: '0123456789ab',
      hasBearerToken: false,
      hasSecret: false,
      ref: ID,
    },
  };
  const at = Date.UTC(2026, 3, 30, 2, 17, 43, 5);
  const metadata = { recordedAt: at, correlationId: ID, causationId: ID, commandId: ID };
  const stored = channelCodec.encode(event, metadata, ID);
  expect(stored.data).toEqual(event.data);
  expect(stored.metadata).toMatchObject({
    schemaVersion: 1,
    recordedAt: '2026-04-30T02:17:43.005Z',
  });
});

it('vault names begin with the user', () => {
  expect(userKeyName('ada.l@example.org')).toBe('user/ada.l@example.org');
  expect(secretsPrefix('42')).toBe('channel/42/');
});

it('a sealed box is nonce, ciphertext and tag, bound to stream, type and user', () => {
  const box = 'AAECAwQFBgcICQoLPCCmeryJrXrpY63wk50RGe+zpQ7SPiwPWR7H+GDuof0/j2kzHrU7jvFA+NRL';
  const data = {
    userId: '42',
    personal: { sealed: { user: '42', key: ID, box }, hash: 'ab'.repeat(32) },
  };
  const sealed = sealOf(data);
  const key = {
    id: ID,
    key: Buffer.from(Array.from({ length: 32 }, (_, n) => n)).toString('base64'),
  };
  const stream = 'tocsin.trigger-22-626ea8e6-43a5-5e3a-bc19-cb2c85142695';
  expect(sealed && unseal(key, sealed, `${stream}:TriggerRaised:42`)).toBe(
    '{"payload":{"title":"Essay"}}',
  );
  expect(() => sealed && unseal(key, sealed, `${stream}:PreviewOffered:42`)).toThrow();
});
