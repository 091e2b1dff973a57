import fc from 'fast-check';
import { expect, test } from 'vitest';
import { repeatedKey } from '../../src/domain/core/repeated-key.ts';

test.each([
  ['{"a":1,"a":2}', 'a'],
  ['{"a":{"b":1},"c":[{"b":1,"b":2}]}', 'b'],
  ['{"a" : 1, "b":2 , "a"\n:3}', 'a'],
  [String.raw`{"a":1,"\u0061":2}`, 'a'],
  [String.raw`{"\n":1,"\u000a":2}`, '\n'],
  ['{"a":[{"a":1}],"a":0}', 'a'],
  ['{"":1,"":2}', ''],
  ['{"__proto__":1,"__proto__":2}', '__proto__'],
])('repeatedKey finds the key that %s has twice', (text, key) => {
  expect(repeatedKey(text)).toBe(key);
});

test.each([
  '{"a":{"a":{"a":1}},"b":{"a":1}}',
  '[{"a":1},{"a":2}]',
  '{"a":"a","b":"a"}',
  String.raw`{"a":"\",\"a\":1","b":"}"}`,
  '{"constructor":1,"toString":2}',
  '"a"',
  '{}',
])('repeatedKey finds none in %s', (text) => {
  expect(repeatedKey(text)).toBeUndefined();
});

test('repeatedKey finds no key in any text that a serialiser writes', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(repeatedKey(text)).toBeUndefined();
    }),
  );
});
