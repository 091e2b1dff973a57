import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonBreak } from '../../src/adapters/ndjson/json-break.ts';

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const almostJson = fc.oneof(
  fc.json(),
  fc
    .array(fc.constantFrom(...'{}[],:"\\ \t0123456789.-+eEtruefalsn u'.split(''), '"k"', 'true'))
    .map((parts) => parts.join('')),
  fc
    .tuple(fc.json(), fc.nat(), fc.string({ maxLength: 2 }))
    .map(([text, at, put]) => text.slice(0, at % (text.length + 1)) + put + text.slice(at)),
);

test('jsonBreak returns an index exactly when JSON.parse fails', () => {
  fc.assert(
    fc.property(almostJson, (text) => {
      expect(jsonBreak(text) === undefined).toBe(isJsonText(text));
    }),
    { numRuns: 5000 },
  );
});

test('jsonBreak returns the first index at which no continuation is valid JSON', () => {
  fc.assert(
    fc.property(almostJson, (text) => {
      const at = jsonBreak(text);
      fc.pre(at !== undefined);
      expect(at).toBeGreaterThanOrEqual(0);
      expect(at).toBeLessThanOrEqual(text.length);
      const stated = positionOf(text);
      // For a number that ends too early, jsonBreak gives its end, and the engine one character more.
      if (stated !== undefined) expect(Math.abs(stated - at)).toBeLessThanOrEqual(5);
    }),
  );
});

/** The place that the engine names, where it names one. */
function positionOf(text: string): number | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    const match = /at position (\d+)/.exec(String(error));
    return match === null ? undefined : Number(match[1]);
  }
}
