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

describe('how deep a text nests', () => {
  it('is what its value says, whatever its strings hold', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(nestsDeeperThan(text, LEVELS)).toBe(depthOf(parseJson(text)) > LEVELS);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is told of brackets in strings and behind escapes', () => {
    for (const inText of ['[[[[[[', '"[[[[[[', '\\"[[[[[[', '\\\\']) {
      const key = JSON.stringify(inText);
      expect(nestsDeeperThan(`[[{${key}:${key}}]]`, LEVELS)).toBe(false);
      expect(nestsDeeperThan(`[[{${key}:[${key}]}]]`, LEVELS)).toBe(true);
    }
  });

  it('is told of what no parser that recurses could read', () => {
    expect(nestsDeeperThan('['.repeat(1_000_000), 1_000)).toBe(true);
    expect(nestsDeeperThan(`${'['.repeat(1_000)}${']'.repeat(1_000)}`, 1_000)).toBe(false);
  });
});

describe('the canonical text', () => {
  it('is that of RFC 8785, whatever order the keys come in', () => {
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

  it('is there for lone surrogates, too, and keeps them', () => {
    const value = parseJson('{"b":"\\ud800","\\udc00":1}');
    expect(canonicalJson(value)).toBe('{"b":"\\ud800","\\udc00":1}');
  });
});
