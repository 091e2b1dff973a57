// Finds the first character at which a text is not JSON; the engine's error messages give it only sometimes.

/** The token that may come next. */
type Expected =
  'value' | 'value_or_close' | 'key' | 'key_or_close' | 'colon' | 'comma_or_close' | 'end';

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\n\r]*/y;
const LITERALS = ['true', 'false', 'null'];

/** The index of the first invalid character, the text's length when it ends too early; `undefined` for valid JSON. */
export function jsonBreak(text: string): number | undefined {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  for (let at = skip(SPACE, text, 0); at < text.length; at = skip(SPACE, text, at)) {
    const char = text[at] ?? '';
    const inner = open.at(-1);
    if (char === (inner === '{' ? '}' : ']') && mayClose(expected)) {
      open.pop();
      expected = open.length === 0 ? 'end' : 'comma_or_close';
      at += 1;
    } else if (expected === 'comma_or_close' && char === ',') {
      expected = inner === '{' ? 'key' : 'value';
      at += 1;
    } else if (expected === 'colon' && char === ':') {
      expected = 'value';
      at += 1;
    } else if (expected === 'key' || expected === 'key_or_close') {
      if (char !== '"') return at;
      const end = stringEnd(text, at);
      if (!end.closed) return end.at;
      expected = 'colon';
      at = end.at;
    } else if (expected !== 'value' && expected !== 'value_or_close') {
      return at;
    } else if (char === '{' || char === '[') {
      open.push(char);
      expected = char === '{' ? 'key_or_close' : 'value_or_close';
      at += 1;
    } else {
      const end = char === '"' ? stringEnd(text, at) : scalarEnd(text, at);
      if (!end.closed) return end.at;
      expected = open.length === 0 ? 'end' : 'comma_or_close';
      at = end.at;
    }
  }
  return expected === 'end' ? undefined : text.length;
}

type End = { readonly closed: boolean; readonly at: number };

function mayClose(expected: Expected): boolean {
  return ['comma_or_close', 'key_or_close', 'value_or_close'].includes(expected);
}

/** The end of the string that begins at `start`, or its first invalid character. */
function stringEnd(text: string, start: number): End {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return { closed: true, at: at + 1 };
    if (code < 0x20) return { closed: false, at };
    if (code !== 0x5c) continue;
    at += 1;
    if (text[at] === 'u') {
      const digits = /[0-9a-fA-F]{0,4}/y;
      const end = skip(digits, text, at + 1);
      if (end < at + 5) return { closed: false, at: end };
      at = end - 1;
    } else if (!'"\\/bfnrt'.includes(text[at] ?? ' ')) {
      return { closed: false, at: Math.min(at, text.length) };
    }
  }
  return { closed: false, at: text.length };
}

function scalarEnd(text: string, start: number): End {
  const literal = LITERALS.find((word) => text.startsWith(word, start));
  if (literal !== undefined) return { closed: true, at: start + literal.length };
  const at = skip(NUMBER, text, start);
  return { closed: at > start, at };
}

/** The end of a sticky match at `at`; `at` without a match. */
function skip(sticky: RegExp, text: string, at: number): number {
  sticky.lastIndex = at;
  return sticky.test(text) ? sticky.lastIndex : at;
}
