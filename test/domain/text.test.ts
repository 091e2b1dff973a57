// The cleaning and cutting of text from outside.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCleanText } from '../../src/domain/core/json.ts';
import { cleanText, cutCodePoints, oneLine, printable } from '../../src/domain/core/text.ts';

const anyText = fc.string({
  unit: fc.integer({ min: 0, max: 0xffff }).map((n) => String.fromCharCode(n)),
});

describe('cleanText', () => {
  it('removes NUL, replaces lone surrogates and never splits a pair', () => {
    expect(cleanText('a\u0000b😀', 3)).toBe('ab');
    expect(cleanText('a\ud800', 9)).toBe('a\ufffd');
    expect(cleanText('x'.repeat(600), 512)).toHaveLength(512);
  });

  it('returns undefined when no text is left', () => {
    expect(cleanText('\u0000', 9)).toBeUndefined();
    expect(cleanText(undefined, 9)).toBeUndefined();
    expect(cleanText('😀', 1)).toBeUndefined();
  });

  it('gives clean text of at most max units for any text', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 20 }), (text, max) => {
        const clean = cleanText(text, max) ?? '';
        expect(isCleanText(clean)).toBe(true);
        expect(clean.length).toBeLessThanOrEqual(max);
      }),
    );
  });
});

describe('oneLine', () => {
  it('replaces runs of control characters by a space and cuts the text', () => {
    expect(oneLine(' a\r\n\tb\u001b[2J ')).toBe('a b [2J');
    expect(oneLine('abc😀', 4)).toBe('abc');
  });
});

describe('printable', () => {
  it('shows every character outside printable ASCII as a question mark', () => {
    expect(printable('naïve\n')).toBe('na?ve?');
    expect(printable('x'.repeat(99))).toHaveLength(64);
  });
});

describe('cutCodePoints', () => {
  it('counts code points, not UTF-16 units', () => {
    expect(cutCodePoints('😀😀😀', 2)).toBe('😀😀');
    expect(cutCodePoints('abc', 3)).toBe('abc');
  });
});
