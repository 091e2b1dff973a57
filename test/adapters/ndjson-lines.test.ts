import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readLines, type Line } from '../../src/adapters/ndjson/lines.ts';
import { parseJson } from '../../src/domain/core/json.ts';

async function linesOf(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options?: { readonly maxLineBytes?: number },
): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const page of readLines(asAsync(source), options)) lines.push(...page);
  return lines;
}

async function* asAsync<T>(source: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  yield* source;
}

const read = (text: string, options?: { readonly maxLineBytes?: number }): Promise<Line[]> =>
  linesOf([Buffer.from(text)], options);

/** The one fault of a one-line text. */
async function faultOf(text: string | Uint8Array) {
  const [line, ...others] = await linesOf([Buffer.from(text)]);
  expect(others).toEqual([]);
  if (line?.kind !== 'fault') throw new Error('no fault');
  return { code: line.code, message: line.message };
}

describe('readLines', () => {
  test('accepts LF and CRLF, a missing last line end, and counts blank lines', async () => {
    const lines = await read('{"a":1}\r\n\n  \t\r\n[2]\n"three"');
    expect(lines).toEqual([
      { line: 1, kind: 'json', value: { a: 1 } },
      { line: 4, kind: 'json', value: [2] },
      { line: 5, kind: 'json', value: 'three' },
    ]);
    expect(await read('{"a":1}\r\n\n  \t\r\n[2]\n"three"\n')).toEqual(lines);
  });

  test('yields nothing for an empty source', async () => {
    expect(await read('')).toEqual([]);
    expect(await read('\n\n\r\n')).toEqual([]);
    expect(await linesOf([])).toEqual([]);
  });

  test('skips a byte order mark at the start only', async () => {
    expect(await read('\ufeff{"a":1}\n')).toEqual([{ line: 1, kind: 'json', value: { a: 1 } }]);
    expect(await read('\ufeff\n1')).toEqual([{ line: 2, kind: 'json', value: 1 }]);
    expect(await read('1\n\ufeff2')).toMatchObject([{ line: 1 }, { code: 'broken_json' }]);
  });

  test('limits a page to 512 lines', async () => {
    const sizes: number[] = [];
    const chunk = Buffer.from('1\n'.repeat(1300));
    for await (const page of readLines(asAsync([chunk]))) sizes.push(page.length);
    expect(sizes).toEqual([512, 512, 276]);
  });

  test('reads the good lines around bad ones', async () => {
    const lines = await read('1\n{\n2\n\u0000\n3');
    expect(lines.map((line) => (line.kind === 'json' ? line.value : line.code))).toEqual([
      1,
      'broken_json',
      2,
      'nul_byte',
      3,
    ]);
  });

  test('rethrows an error of the source', async () => {
    async function* source() {
      yield Buffer.from('1\n');
      await Promise.reject(new Error('EISDIR'));
    }
    await expect(linesOf(source())).rejects.toThrow('EISDIR');
  });
});

describe('a fault of readLines', () => {
  test.each([
    ['{"a":1,}', 'is not JSON: column 8, near `{"a":1,}`'],
    ['{a:1}', 'is not JSON: column 2, near `{a:1}`'],
    ['{"a":1', 'is not JSON: it ends too early, at column 7'],
    ['{"a":"x', 'is not JSON: it ends too early, at column 8'],
    ['{"a":1} {"b":2}', 'is not JSON: column 9, near `{"a":1} {"b":2}`'],
    ['{"a":01}', 'is not JSON: column 7, near `{"a":01}`'],
    ['nul', 'is not JSON: column 1, near `nul`'],
    ['{"a":"\u001b[31mred"}', 'is not JSON: column 7, near `{"a":"?[31mred"}`'],
    ['"x",'.repeat(100), 'is not JSON: column 4, near `"x","x","x","x","x","x"`'],
    ['{"a":"\\u12G4"}', 'is not JSON: column 11, near `{"a":"\\u12G4"}`'],
    ['{"a":"\\x"}', 'is not JSON: column 8, near `{"a":"\\x"}`'],
    ['{"a":1,"b":{"a":2,"a":3}}', 'has the key a twice'],
  ])('broken JSON: %j', async (text, message) => {
    expect(await faultOf(text)).toEqual({ code: 'broken_json', message });
  });

  test('quotes at most 32 printable characters', async () => {
    const { message } = await faultOf(`{"p":"${'s'.repeat(50)}"\u00e9\u001b}${'t'.repeat(500)}`);
    expect(message).toBe(`is not JSON: column 58, near \`${'s'.repeat(11)}"??}${'t'.repeat(17)}\``);
  });

  test('names a NUL byte, raw or escaped', async () => {
    expect(await faultOf('{"a":"\u0000"}')).toEqual({
      code: 'nul_byte',
      message: 'has a NUL byte at column 7',
    });
    expect(await faultOf('{"payload":{"x":"\\u0000"}}')).toEqual({
      code: 'broken_json',
      message: 'payload has text with a NUL character or a lone surrogate',
    });
    expect(await faultOf('{"a\\u0000b":1}')).toMatchObject({
      message: 'has a key with a NUL character or a lone surrogate',
    });
    expect(await faultOf('["\\ud800"]')).toMatchObject({
      message: 'has text with a NUL character or a lone surrogate',
    });
  });

  test('names bytes that are not UTF-8', async () => {
    const bytes = Uint8Array.of(0x22, 0xc3, 0x28, 0x22);
    expect(await faultOf(bytes)).toEqual({ code: 'invalid_utf8', message: 'is not UTF-8' });
    const utf16 = Buffer.from('\ufeff{"a":1}', 'utf16le');
    expect(await faultOf(utf16)).toMatchObject({
      message: 'is not UTF-8; it looks like UTF-16',
    });
    // Overlong forms and encoded surrogates are how filters are walked around.
    expect(await faultOf(Uint8Array.of(0x22, 0xc0, 0xaf, 0x22))).toMatchObject({
      code: 'invalid_utf8',
    });
    expect(await faultOf(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22))).toMatchObject({
      code: 'invalid_utf8',
    });
  });

  test('names too deep nesting', async () => {
    const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    expect(await faultOf(`{"payload":${deep(65)}}`)).toEqual({
      code: 'broken_json',
      message: 'payload is nested deeper than 64 levels',
    });
    expect(await read(`{"payload":${deep(64)}}`)).toMatchObject([{ kind: 'json' }]);
    expect(await faultOf(deep(100_000))).toMatchObject({ code: 'broken_json' });
    expect(await faultOf('['.repeat(200_000))).toMatchObject({
      message: 'is not JSON: it ends too early, at column 200001',
    });
  });

  test('names the limit of a too long line, and the next line is read', async () => {
    const lines = await read(`"${'x'.repeat(7)}"\n"${'x'.repeat(6)}"\n1`, { maxLineBytes: 8 });
    expect(lines).toEqual([
      {
        line: 1,
        kind: 'fault',
        code: 'line_too_long',
        message: 'is longer than 8 bytes and was skipped',
      },
      { line: 2, kind: 'json', value: 'xxxxxx' },
      { line: 3, kind: 'json', value: 1 },
    ]);
    const [first] = await read(`"${'x'.repeat(300_000)}"\n`);
    expect(first).toMatchObject({ message: 'is longer than 256 KiB and was skipped' });
  });
});

test('readLines reports an endless line immediately and never buffers it', async () => {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let sent = 0;
  function* endless() {
    for (; sent < 2048; sent++) yield chunk;
    yield Buffer.from('\n"after"\n');
  }
  const before = process.memoryUsage();
  let toldAfter = Infinity;
  const lines: Line[] = [];
  for await (const page of readLines(asAsync(endless()))) {
    if (lines.length === 0) toldAfter = sent;
    lines.push(...page);
  }
  const after = process.memoryUsage();
  expect(lines).toMatchObject([{ code: 'line_too_long' }, { line: 2, value: 'after' }]);
  expect(toldAfter).toBeLessThanOrEqual(4);
  // 128 MB went by.
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8 * 1024 * 1024);
});

describe('readLines with any division into chunks', () => {
  const piece = fc.oneof(
    fc.json().map((text) => Buffer.from(text)),
    fc.constantFrom('\n', '\r\n', ' ', '\ufeff', '{', '"é', '\\', '\u0000').map(asBytes),
    fc.uint8Array({ maxLength: 12 }),
  );
  const bytes = fc.array(piece, { maxLength: 30 }).map((pieces) => Buffer.concat(pieces));

  test('applies a limit of any size to too long lines only', async () => {
    await fc.assert(
      fc.asyncProperty(
        bytes,
        fc.array(fc.nat(200), { maxLength: 20 }),
        fc.integer({ min: 1, max: 40 }),
        async (whole, cuts, maxLineBytes) => {
          const places = [0, ...cuts, whole.length].map((at) => Math.min(at, whole.length));
          places.sort((a, b) => a - b);
          const chunks = places.map((at, index) => whole.subarray(at, places[index + 1] ?? at));
          const expected = await linesOf([whole], { maxLineBytes });
          expect(await linesOf(chunks, { maxLineBytes })).toEqual(expected);
          expect(expected.map(({ line }) => line)).toEqual(oracle(whole, maxLineBytes));
        },
      ),
      { numRuns: 500 },
    );
  });

  test('returns the value of each line', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue()), async (values) => {
        const plain = values.filter((value) => !/\\u0000|\\ud[89a-f]/.test(JSON.stringify(value)));
        const lines = await read(plain.map((value) => `${JSON.stringify(value)}\n`).join(''));
        const expected = plain.map((value) => parseJson(JSON.stringify(value)));
        expect(lines.map((line) => line.kind === 'json' && line.value)).toEqual(expected);
      }),
    );
  });

  /** Which lines are not blank. */
  function oracle(whole: Buffer, maxLineBytes: number): number[] {
    return whole
      .toString('latin1')
      .split('\n')
      .map((line, index) => ({ line, number: index + 1 }))
      .filter(({ line, number }) => {
        if (line.length > maxLineBytes) return true;
        const text = number === 1 ? line.replace(/^\xef\xbb\xbf/, '') : line;
        return !/^[ \t\r]*$/.test(text);
      })
      .map(({ number }) => number);
  }
});

function asBytes(text: string): Uint8Array {
  return Buffer.from(text);
}
