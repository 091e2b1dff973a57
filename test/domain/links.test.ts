// Links in summaries: what counts as one, what does not, and what is left of the text.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linksIn, withoutLinks } from '../../src/domain/notification/links.ts';
import { cleanSummary } from '../../src/domain/notification/texts.ts';

describe('linksIn', () => {
  it.each([
    ['https://evil.example/x'],
    ['HTTP://EVIL.EXAMPLE'],
    ['hxxps://evil'],
    ['javascript://x'],
    ['www.evil.example'],
    ['WWW.evil'],
    ['evil.example/x'],
    ['evil.example'],
    ['example.com'],
    ['Example.com'],
    ['EXAMPLE.COM'],
    ['sub.domain.example.co.uk'],
    ['bit.ly/3xYz'],
    ['t.co'],
    ['163.com'],
    ['evil.zip/a'],
    ['evil.unknowntop/path'],
    ['evil.unknowntop:8080'],
    ['evil.unknowntop?q=1'],
    ['//evil.com/x'],
    ['user@evil.com/x'],
    ['пример.рф'],
    ['müller.de'],
    ['xn--mller-kva.de'],
    ['evil.xn--p1ai'],
    ['readme.md/x'],
  ])('takes %s for a link', (link) => {
    for (const text of [link, `See ${link}.`, `(${link})`, `“${link}”!`, `查看「 ${link} 」`]) {
      expect(linksIn(text), text).toHaveLength(1);
      expect(withoutLinks(text), text).not.toContain(link);
    }
  });

  it.each([
    ['e.g. this, i.e. that'],
    ['at 9.30 a.m. or 5 p.m.'],
    ['v1.2 and 1.2.3-rc.1 and 10.000,50 EUR'],
    ['3.5kg at 12.50/kg'],
    ['index.ts, README.md, main.py and lib.rs'],
    ['src/index.ts/x and package.json?'],
    ['node.js and Vue.js'],
    ['It is done.It goes on. Done...next'],
    ['U.S. and Ph.D. and B.Sc. students'],
    ['write to bob@example.com'],
    ['St.Petersburg, Mr.Smith'],
    ['a/b and/or c, 50/50'],
    ['“Essay” … “Maths”'],
    ['完成。下一步 3.5小时'],
    ['12 EUR are overdue.'],
  ])('takes nothing in %j for a link', (text) => {
    expect(linksIn(text)).toEqual([]);
    expect(cleanSummary(text)).toEqual({ text, linksRemoved: 0 });
  });

  it('finds a domain between Chinese characters', () => {
    expect(withoutLinks('查看example.com/x')).toBe('查看');
  });

  it('leaves no link in what it returns, for any text', () => {
    const part = fc.constantFrom(
      ...['a', 'evil', '.', 'com', ' ', '/', ':', '//', 'www.', '@', '-', '(', '。', 'x', '1', '?'],
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 14 }), (parts) => {
        const text = parts.join('');
        expect(linksIn(withoutLinks(text)), text).toEqual([]);
      }),
      { numRuns: 5_000 },
    );
  });

  it('reads long texts without backtracking', () => {
    for (const text of ['a', '.', 'a.', 'a-', '@', '/', 'www', '://'].map((s) =>
      s.repeat(50_000),
    )) {
      expect(cleanSummary(text).text.length).toBeLessThanOrEqual(180);
    }
  });
});

describe('cleanSummary', () => {
  it('cuts links out and tells how many', () => {
    const summary = 'Invoice INV-1 (see https://evil.example/pay, or pay.example.com) is overdue.';
    expect(cleanSummary(summary)).toEqual({
      text: 'Invoice INV-1 (see, or) is overdue.',
      linksRemoved: 2,
    });
  });

  it('counts a summary with a link as blank where the definition says so', () => {
    const summary = `Open ${'x'.repeat(300)} evil.example/x`;
    expect(cleanSummary(summary, 'blank')).toEqual({ text: '', linksRemoved: 1 });
    expect(cleanSummary(summary).text).toHaveLength(180);
  });
});
