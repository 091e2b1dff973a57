// The leaf of an event: its vector, and what does and does not change it.
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/domain/core/json.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { leafOf } from '../../src/projections/notary/leaf.ts';

const SALT = 'c2FsdC1vZi0xNi1ieXRlcw';
const HASH = '70e505341fed82399901af38af523357e787a3e0e5be623befed19e0e7e0820d';
const BOX = 'AAECAwQFBgcICQoLPCCmeryJrXrpY63wk50RGe+zpQ7SPiwPWR7H+GDuof0/j2kzHrU7jvFA+NRL';

const event = (personal: JsonObject, more: Partial<RecordedEvent> = {}): RecordedEvent => ({
  id: 'b0575b4c-b844-5e02-b65d-2ccfe9d07ba1',
  stream: 'tocsin.trigger-22-626ea8e6-43a5-5e3a-bc19-cb2c85142695',
  revision: 3n,
  position: { commit: 17n, prepare: 17n },
  type: 'TriggerRaised',
  data: { userId: '42', personal },
  metadata: { recordedAt: '2026-04-30T02:17:43.005Z' },
  ...more,
});
const plain = { salt: SALT, payload: { title: 'Essay' } };
const sealed = (box = BOX, hash = HASH) => ({
  sealed: { user: '42', key: '11111111-1111-4111-8111-111111111111', box },
  hash,
});
const leaf = (recorded: RecordedEvent): string => Buffer.from(leafOf(recorded)).toString('hex');

describe('leafOf', () => {
  it('is as in the vector, for a readable and for a sealed personal part', () => {
    expect(leaf(event(plain))).toBe(
      '9464bc0c00527b2ce40d320ac10f868fa90c7d0465d33373aaa8e441bb314342',
    );
    expect(leaf(event(sealed()))).toBe(
      '39e32d98035179644be11c6b67c8de3ead7d1ab910e7fa87cadc0c8a8e6532dc',
    );
  });

  it('changes with every part of an event but its position', () => {
    const before = leaf(event(plain));
    expect(leaf(event(plain, { position: { commit: 1n, prepare: 1n } }))).toBe(before);
    const others = [
      event(plain, { id: '11111111-1111-4111-8111-111111111111' }),
      event(plain, { stream: 'tocsin.trigger-23-626ea8e6-43a5-5e3a-bc19-cb2c85142695' }),
      event(plain, { revision: 4n }),
      event(plain, { type: 'TriggerClosed' }),
      event(plain, { metadata: { recordedAt: '2026-04-30T02:17:43.006Z' } }),
      event(plain, { data: { userId: '43', personal: plain } }),
      event(plain, { data: { unreadable: Uint8Array.of(1) } }),
      event(plain, { data: { unreadable: Uint8Array.of(2) } }),
      event({ ...plain, payload: { title: 'Other' } }),
      event({ ...plain, salt: 'AAAAAAAAAAAAAAAAAAAAAA' }),
      event({ payload: plain.payload }),
      event(sealed()),
      event(sealed('AAAA')),
      event(sealed(BOX, 'ab'.repeat(32))),
    ].map(leaf);
    expect(new Set([before, ...others]).size).toBe(others.length + 1);
  });
});
