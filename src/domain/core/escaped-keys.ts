// JSON text whose keys are written with escapes. After {"a":1,"\\":2}, V8 reads the key "\n" of
// {"a":1,"\n":2} as a backslash (nodejs/node#63785): it takes a key for one that it has met in that place
// and that begins as the escape is written. What a log says must not depend on what was read before it.

/** True for JSON text with a key that is written with an escape. */
export function hasEscapedKey(text: string): boolean {
  if (!text.includes('\\')) return false;
  for (let start = text.indexOf('"'); start >= 0;) {
    const end = endOfString(text, start);
    if (isKey(text, end) && text.slice(start, end).includes('\\')) return true;
    start = text.indexOf('"', end);
  }
  return false;
}

/** A list or object that is not closed yet. */
type Open = { readonly isObject: boolean; readonly values: unknown[]; readonly keys: string[] };

/** The value of text that is known to be JSON, with one call of the parser for each string and number. */
export function readJson(text: string): unknown {
  const open: Open[] = [];
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
    else value = scalar(token);
    const parent = open.at(-1);
    const isItsKey = parent?.isObject === true && char === '"' && isKey(text, end);
    if (isItsKey) parent.keys.push(String(value));
    else parent?.values.push(value);
  }
  return value;
}

function closed(list: Open | undefined): unknown {
  if (list?.isObject !== true) return list?.values;
  // As the parser does: of equal keys the last value counts, and `__proto__` is a key like others.
  return Object.fromEntries(list.keys.map((key, n) => [key, list.values[n]]));
}

function scalar(token: string): unknown {
  // eslint-disable-next-line no-restricted-properties -- a string or a number has no keys
  return JSON.parse(token);
}

/** Behind the string, number, word or single character that begins there. */
function endOfToken(text: string, start: number): number {
  if (text.charAt(start) === '"') return endOfString(text, start);
  let end = start + 1;
  if (!/[-\dtfn]/.test(text.charAt(start))) return end;
  while (/[-+.\w]/.test(text.charAt(end))) end += 1;
  return end;
}

/** Behind the closing quote of the string that begins there. */
export function endOfString(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && text.charAt(end) !== '"') end += text.charAt(end) === '\\' ? 2 : 1;
  return end + 1;
}

/** True where a colon follows. */
function isKey(text: string, end: number): boolean {
  let at = end;
  while (' \t\r\n'.includes(text.charAt(at)) && at < text.length) at += 1;
  return text.charAt(at) === ':';
}
