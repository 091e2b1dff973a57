// JSON keys that are written with escapes, read after values that trigger the bug of the engine's parser.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/domain/core/json.ts';

/** A value whose objects are lists of members, so that the engine has not read their keys yet. */
type Tree =
  | string
  | number
  | boolean
  | null
  | { readonly list: readonly Tree[] }
  | { readonly members: readonly (readonly [key: string, value: Tree])[] };

const texts = fc.oneof(
  fc.string({
    unit: fc.constantFrom('a', 'n', 'u', '0', '\\', '\n', '"', 'é', '\ud800'),
    maxLength: 3,
  }),
  fc.constantFrom('__proto__', 'constructor', '0041', '{"a":', ''),
);
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(
      texts,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.record({ list: fc.array(tie('tree'), { maxLength: 3 }) }),
    fc.record({ members: fc.array(fc.tuple(texts, tie('tree')), { maxLength: 4 }) }),
  ),
}));

/** The style of a text: as JSON.stringify writes it, or with every character as an escape. */
type Style = { readonly escapes: boolean; readonly space: string };

function written(value: Tree, style: Style): string {
  const { escapes, space } = style;
  const text = (part: string): string =>
    escapes
      ? `"${part
          .split('')
          .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
          .join('')}"`
      : JSON.stringify(part);
  if (typeof value === 'string') return text(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if ('list' in value) {
    return `[${value.list.map((item) => `${space}${written(item, style)}${space}`).join(',')}]`;
  }
  const members = value.members.map(
    ([key, child]) => `${space}${text(key)}${space}:${space}${written(child, style)}`,
  );
  return `{${members.join(',')}${space}}`;
}

function meant(value: Tree): unknown {
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value;
  if ('list' in value) return value.list.map(meant);
  return Object.fromEntries(value.members.map(([key, child]) => [key, meant(child)]));
}

const style = fc.record({ escapes: fc.boolean(), space: fc.constantFrom('', ' ', '\r\n\t') });

describe('parseJson', () => {
  it('reads escaped keys correctly, whatever it read before', () => {
    expect(parseJson('{"a":1,"\\\\":2,"b":3}')).toEqual({ a: 1, '\\': 2, b: 3 });
    expect(parseJson('{"a":1,"\\n":2,"b":3}')).toEqual({ a: 1, '\n': 2, b: 3 });
    expect(parseJson('{"a":1,"\\u0041":{"a":"\\n"}}')).toEqual({ a: 1, A: { a: '\n' } });
  });

  it('reads the same value from every style of text', () => {
    fc.assert(
      fc.property(tree, style, (value, how) => {
        expect(JSON.stringify(parseJson(written(value, how)))).toBe(JSON.stringify(meant(value)));
      }),
      { numRuns: 3_000 },
    );
  });

  it('refuses text that is not JSON, with and without escaped keys', () => {
    for (const text of ['{"\\n":1', '{"\\n":1}}', '{"\\n" 1}', '{"\\x":1}', '{"\\n":01}', '']) {
      expect(() => parseJson(text)).toThrow(SyntaxError);
    }
  });
});
