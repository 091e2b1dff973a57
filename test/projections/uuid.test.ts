// The quick way to ids against the domain's, which has the vectors.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messageId, uuidOfKey } from '../../src/domain/core/ids.ts';
import { quickMessageId, quickUuidOfKey } from '../../src/projections/uuid.ts';

// Whatever text, lone surrogates too, on both sides of what fits into the buffer.
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code)) }),
  fc
    .tuple(fc.constantFrom('a', 'ß', '€', '💡', '\ud800'), fc.integer({ min: 300, max: 1_100 }))
    .map(([unit, length]) => unit.repeat(length)),
);

describe('fast ids', () => {
  it('equal the ids of the domain', () => {
    fc.assert(
      fc.property(anyText, (key) => {
        expect(quickUuidOfKey(key)).toBe(uuidOfKey(key));
      }),
    );
  });

  it('equal the message ids of the domain', () => {
    fc.assert(
      fc.property(anyText, anyText, (source, rule) => {
        expect(quickMessageId(source, rule)).toBe(messageId(source, rule));
      }),
    );
  });
});
