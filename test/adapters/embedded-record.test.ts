// The records of a store's file: what goes in comes out, damage is found, and the form never changes.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EncodedEvent } from '../../src/adapters/eventstore/common/append-request.ts';
import { DICTIONARY } from '../../src/adapters/eventstore/embedded/dictionary.ts';
import {
  decodeGroup,
  encodeGroup,
  newRecord,
  type Numbered,
} from '../../src/adapters/eventstore/embedded/group.ts';
import { packer } from '../../src/adapters/eventstore/embedded/pack.ts';
import {
  contentsOf,
  lengthOf,
  MAX_RECORD_EVENTS,
  packRecord,
  unpackRecord,
} from '../../src/adapters/eventstore/embedded/record.ts';
import { streamHash } from '../../src/adapters/eventstore/embedded/schema.ts';

const words = fc.constantFrom(
  '"triggerId":"ast_',
  'requestedAt',
  '\u00e4',
  '{}',
  '2026-',
  'x',
  '\u{1f514}',
);
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(words, { maxLength: 60 }).map((all) => all.join('')),
);
const bytes = fc.uint8Array({ maxLength: 300 });

const anEvent: fc.Arbitrary<EncodedEvent> = fc
  .record({
    id: fc.uuid(),
    type: text,
    isJson: fc.boolean(),
    data: fc.oneof(text, bytes),
    metadata: fc.oneof(text, bytes, fc.constant('{"same":true}')),
  })
  .map((event) => ({
    ...event,
    bytes: Buffer.byteLength(event.type) + event.data.length + event.metadata.length,
  }))
  .map((event) => ({ ...event, bytes: bytesOf(event) }));

function bytesOf({ type, data, metadata }: Omit<EncodedEvent, 'bytes'>): number {
  return Buffer.byteLength(type) + Buffer.from(data).length + Buffer.from(metadata).length;
}

const stored = ({ id, type, isJson, data, metadata }: EncodedEvent) => ({
  id,
  type,
  isJson,
  data: Buffer.from(data),
  metadata: Buffer.from(metadata),
});

describe('a packer', () => {
  test('gives back all bytes, with any dictionary', () => {
    const content = fc.oneof(
      bytes,
      text.map((all) => Buffer.from(all)),
      fc.nat(200_000).map((n) => Buffer.alloc(n, 'tocsin')),
    );
    fc.assert(
      fc.property(bytes, fc.array(content, { minLength: 1, maxLength: 4 }), (dictionary, all) => {
        const { pack, unpack } = packer(dictionary);
        for (const each of all) expect(unpack(pack(each), each.length).equals(each)).toBe(true);
      }),
    );
  });

  test('refuses damaged bytes with a RangeError, or gives as many bytes as it was asked for', () => {
    const { pack, unpack } = packer(DICTIONARY);
    const content = Buffer.from(
      'An important and urgent task, and another important and urgent task.',
    );
    const packed = Buffer.from(pack(content));
    fc.assert(
      fc.property(fc.nat(packed.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const damaged = cut ? packed.subarray(0, at) : Buffer.from(packed).fill(byte, at, at + 1);
        try {
          expect(unpack(damaged, content.length)).toHaveLength(content.length);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

describe('a record', () => {
  test('gives back its events', () => {
    fc.assert(
      fc.property(fc.array(anEvent, { minLength: 1, maxLength: 8 }), (events) => {
        const record = newRecord(events);
        const contents = contentsOf(unpackRecord(packRecord(record)));
        expect(contents).toEqual(events.map(stored));
        const length = contents.reduce((sum, content) => sum + lengthOf(content), 0);
        expect(length).toBe(record.length);
      }),
    );
  });

  test('has the bytes that it always had', () => {
    const metadata = '{"schemaVersion":1}';
    const base = { id: '6f1c5a0e-3b52-5c7e-9d4a-7a2f4e0b8c11', isJson: true, metadata };
    const events = ['TriggerRaised', 'Other'].map((type) => {
      const event = { ...base, type, data: '{"triggerId":"ast_1","n":"\u00e4"}' };
      return { ...event, bytes: bytesOf(event) };
    });
    expect(Buffer.from(packRecord(newRecord(events))).toString('hex')).toBe(
      '010268616f1c5a0e3b525c7e9d4a7a2f4e0b8c116f1c5a0e3b525c7e9d4a7a2f4e0b8c110fb3040c001a010010072fc3a47c03016a7d4f74686572f20100e30208360070010d1e1303051e',
    );
    expect(createHash('sha256').update(DICTIONARY).digest('hex')).toBe(
      'e0c667d4613e24e82a0a87ce4e1fbd5fc2c581904d98371dcb6e05835c530a62',
    );
    expect(streamHash('tocsin.control')).toBe(1409099076575906);
    expect(streamHash('$$tocsin.control')).toBe(-3956248085737368);
  });
});

describe('a group of appends', () => {
  test('arrives as it was sent, with long appends in several records', () => {
    const appends = fc.array(
      fc.record({
        n: fc.nat(2 ** 32 - 1),
        request: fc.record({
          stream: text,
          expected: fc.oneof(fc.constantFrom(-1n, -2n, -4n), fc.bigInt(0n, 2n ** 63n - 1n)),
          events: fc.array(anEvent, { maxLength: 150 }),
        }),
      }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(appends, (all: readonly Numbered[]) => {
        const group = decodeGroup(encodeGroup(all));
        expect(group.map(({ n }) => n)).toEqual(all.map(({ n }) => n));
        for (const [i, { request }] of all.entries()) {
          expect(group[i]?.stream).toBe(Buffer.from(request.stream).toString());
          expect(group[i]?.expected).toBe(request.expected);
          const records = group[i]?.records ?? [];
          expect(records.flatMap(contentsOf)).toEqual(request.events.map(stored));
          for (const { count } of records) expect(count).toBeLessThanOrEqual(MAX_RECORD_EVENTS);
        }
      }),
      { numRuns: 50 },
    );
  });
});
