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
    ['evil.Com'],
    ['Evil.ru'],
    ['evil.cOm'],
    ['12.com'],
    ['login.pages.dev'],
    ['evil.app'],
    ['例子.com'],
    ['例子.中国'],
    ['пример.москва'],
    ['ｅｖｉｌ.ｃｏｍ'],
    ['evil．com'],
    ['evil。com'],
    ['evil｡com'],
    ['𝐞𝐯𝐢𝐥.com'],
    ['ⓔⓥⓘⓛ.com'],
    ['ev\u200bil.com'],
    ['evil\u200b.\u200bcom'],
    ['evil.c\u00adom'],
    ['evil\u2060.com'],
    ['https\u200b://evil'],
    ['10.0.0.1/x'],
    ['10.0.0.1:8080'],
    ['0x7f.0x0.0x0.0x1/x'],
    ['localhost:3000'],
    ['LOCALHOST/x'],
    ['http://2130706433/'],
    ['http://user@evil/x'],
    ['mailto:bob@example.com'],
    ['javascript:alert'],
    ['tel:+49123'],
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

  it.each([
    ['v1.2.3 and 1.2.3.4 and firmware 10.0.0.1'],
    ['Node.js, Vue.js, ASP.NET and 使用.NET开发'],
    ['12.30 Uhr, z.B. am 3.12. und usw.'],
    ['一、概要。It is 完成。下一步。共3.5小时'],
    ['报告.pdf、README.md，第1.2节'],
    ['ratio 3:4, at 12:30, a:b, key:value, note: data: 5'],
    ['localhost is up: localhost, not localhost2:80'],
    ['B.Sc. and M.Com. and Ph.D.'],
    ['１．概要 ２．５倍 “Ａ”'],
    ['👍🏽 👩\u200d💻 done. ✔\ufe0f'],
    ['हिन्दी\u200cपाठ। क\u200dष'],
  ])('leaves %j as it is', (text) => {
    expect(linksIn(text)).toEqual([]);
    expect(cleanSummary(text)).toEqual({ text, linksRemoved: 0 });
  });

  it.each([
    ['[here](evil.com/x) now', '[here] now'],
    ['[here](javascript:alert(1))', '[here]( (1))'],
    ['<a href="https://evil.example/x">x</a>', '<a href=" ">x</a>'],
    ['See <evil.com>.', 'See < >.'],
    ['查看例子.com。完成', '。完成'],
  ])('cuts the target out of %j', (text, rest) => {
    expect(withoutLinks(text)).toBe(rest);
  });

  it('finds a domain between Chinese characters', () => {
    expect(withoutLinks('查看example.com/x')).toBe('查看');
  });

  it('leaves no link in what it returns, for any text', () => {
    const part = fc.constantFrom(
      ...['a', 'evil', '.', 'com', ' ', '/', ':', '//', 'www.', '@', '-', '(', '。', 'x', '1', '?'],
      ...[
        '\u200b',
        '\u00ad',
        '．',
        '｡',
        'ｃｏｍ',
        '𝐞',
        '例',
        '中国',
        'Com',
        'localhost',
        '80',
        '10.0.0.1',
      ],
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 14 }), (parts) => {
        const text = parts.join('');
        expect(linksIn(withoutLinks(text)), text).toEqual([]);
      }),
      { numRuns: 5_000 },
    );
  });

  it('finds a link in whatever form its letters and dots are written', () => {
    const form = (character: string): fc.Arbitrary<string> => {
      const code = character.charCodeAt(0);
      const others =
        character === '.'
          ? ['．', '。', '｡', '\u2024']
          : [String.fromCharCode(code + 0xfee0), String.fromCodePoint(0x1d41a + code - 97)];
      const unseen = fc.constantFrom('', '', '\u200b', '\u00ad', '\u2060', '\u{e0061}');
      const written = fc.constantFrom(character, character, ...others);
      return fc.tuple(written, unseen).map((both) => both.join(''));
    };
    const written = fc.tuple(...Array.from('evil.com', form)).map((forms) => forms.join(''));
    fc.assert(
      fc.property(written, fc.constantFrom('', 'See ', '查看 ', '（'), (link, before) => {
        const text = `${before}${link} now`;
        expect(linksIn(text), text).toHaveLength(1);
        expect(withoutLinks(text).normalize('NFKC')).not.toMatch(/v/);
      }),
      { numRuns: 2_000 },
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
