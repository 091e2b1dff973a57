// UUIDs of names are computed by hand; the package that everybody trusts says what they have to be.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parse, v5 } from 'uuid';
import { uuidsIn } from '../../src/domain/core/name-uuid.ts';

const DNS = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
const encoder = new TextEncoder();

it('are those of RFC 9562', () => {
  expect(uuidsIn(parse(DNS))('www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
});

it('are those of the package, whatever the name and the namespace', () => {
  const point = fc.integer({ min: 0, max: 0x10ffff });
  const name = fc.array(point, { maxLength: 60 }).map((points) => String.fromCodePoint(...points));
  fc.assert(
    fc.property(fc.uuid(), fc.array(name, { maxLength: 2 }), (namespace, names) => {
      const uuidOf = uuidsIn(parse(namespace));
      for (const each of names) expect(uuidOf(each)).toBe(v5(encoder.encode(each), namespace));
    }),
  );
});

it('are those of the package at every length around a block’s end, and beyond what was ever seen', () => {
  const uuidOf = uuidsIn(parse(DNS));
  const lengths = [...Array.from({ length: 130 }, (_, length) => length), 1_000, 50_000, 3];
  for (const length of lengths) {
    const name = 'ü'.repeat(length % 3) + 'x'.repeat(length);
    expect([length, uuidOf(name)]).toEqual([length, v5(encoder.encode(name), DNS)]);
  }
});
