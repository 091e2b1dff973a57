// Nesting depth and canonical form of JSON text.
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, nestsDeeperThan, parseJson } from '../../src/domain/core/json.ts';

const LEVELS = 3;

/** JSON text, written in one of two ways, of values that nest up to twice as deep as the limit. */
const texts = fc
  .tuple(fc.jsonValue({ maxDepth: 2 * LEVELS, depthSize: 'max' }), fc.constantFrom(0, 2))
  .map(([value, indent]) => JSON.stringify(value, null, indent));

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe('nestsDeeperThan', () => {
  it('agrees with the depth of the parsed value, whatever the strings hold', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(nestsDeeperThan(text, LEVELS)).toBe(depthOf(parseJson(text)) > LEVELS);
      }),
      { numRuns: 1_000 },
    );
  });

  it('ignores brackets in strings and behind escapes', () => {
    for (const inText of ['[[[[[[', '"[[[[[[', '\\"[[[[[[', '\\\\']) {
      const key = JSON.stringify(inText);
      expect(nestsDeeperThan(`[[{${key}:${key}}]]`, LEVELS)).toBe(false);
      expect(nestsDeeperThan(`[[{${key}:[${key}]}]]`, LEVELS)).toBe(true);
    }
  });

  it('reads text that would overflow a recursive parser', () => {
    expect(nestsDeeperThan('['.repeat(1_000_000), 1_000)).toBe(true);
    expect(nestsDeeperThan(`${'['.repeat(1_000)}${']'.repeat(1_000)}`, 1_000)).toBe(false);
  });
});

describe('canonicalJson', () => {
  it('agrees with RFC 8785, in whatever order the keys come', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const value = parseJson(text);
        fc.pre(canonicalJson(value).isWellFormed() && !/\\ud[89a-f]/.test(canonicalJson(value)));
        expect(canonicalJson(value)).toBe(canonicalize(value));
      }),
      { numRuns: 1_000 },
    );
    expect(canonicalJson({ b: [1e21, -0, { z: null, a: 'ß' }], a: '\u2028' })).toBe(
      '{"a":"\u2028","b":[1e+21,0,{"a":"ß","z":null}]}',
    );
  });

  it('accepts lone surrogates and keeps them', () => {
    const value = parseJson('{"b":"\\ud800","\\udc00":1}');
    expect(canonicalJson(value)).toBe('{"b":"\\ud800","\\udc00":1}');
  });
});
