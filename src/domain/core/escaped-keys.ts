// Reads JSON text whose keys are written with escapes. V8 has a bug here (nodejs/node#63785): after {"a":1,"\\":2},
// JSON.parse reads the key "\n" of {"a":1,"\n":2} as a backslash. A value that is read from the log must not depend
// on values that were read before it.

export function hasEscapedKey(text: string): boolean {
  if (!text.includes('\\')) return false;
  for (let start = text.indexOf('"'); start >= 0;) {
    const end = endOfString(text, start);
    if (isKey(text, end) && text.slice(start, end).includes('\\')) return true;
    start = text.indexOf('"', end);
  }
  return false;
}

/** A list or object whose end is not read yet. */
type Unclosed = { readonly isObject: boolean; readonly values: unknown[]; readonly keys: string[] };

/** The value of text that is known to be JSON, with one call of the parser for each string and number. */
export function readJson(text: string): unknown {
  const open: Unclosed[] = [];
  let value: unknown;
  for (let at = 0; at < text.length;) {
    const char = text.charAt(at);
    const end = endOfToken(text, at);
    const token = text.slice(at, end);
    at = end;
    if (' \t\r\n,:'.includes(char)) continue;
    if (char === '{' || char === '[') {
      open.push({ isObject: char === '{', values: [], keys: [] });
      continue;
    }
    if (char === '}' || char === ']') value = closed(open.pop());
    // eslint-disable-next-line no-restricted-properties -- a string or a number has no keys
    else value = JSON.parse(token);
    const parent = open.at(-1);
    const isItsKey = parent?.isObject === true && char === '"' && isKey(text, end);
    if (isItsKey) parent.keys.push(String(value));
    else parent?.values.push(value);
  }
  return value;
}

function closed(list: Unclosed | undefined): unknown {
  if (list?.isObject !== true) return list?.values;
  // As in JSON.parse, the last of equal keys counts and `__proto__` is an ordinary key.
  return Object.fromEntries(list.keys.map((key, n) => [key, list.values[n]]));
}

/** The index behind the string, number, word or single character at `start`. */
function endOfToken(text: string, start: number): number {
  if (text.charAt(start) === '"') return endOfString(text, start);
  let end = start + 1;
  if (!/[-\dtfn]/.test(text.charAt(start))) return end;
  while (/[-+.\w]/.test(text.charAt(end))) end += 1;
  return end;
}

/** The index behind the closing quote of the string at `start`. */
export function endOfString(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && text.charAt(end) !== '"') end += text.charAt(end) === '\\' ? 2 : 1;
  return end + 1;
}

/** True when a colon follows the string that ends at `end`. */
export function isKey(text: string, end: number): boolean {
  let at = end;
  while (' \t\r\n'.includes(text.charAt(at)) && at < text.length) at += 1;
  return text.charAt(at) === ':';
}
