// Finds a key that an object of a JSON text has twice. Parsers keep one of the two values, but not all parsers keep
// the same value. So a text from outside with two values for one key is refused.
import { endOfString, isKey } from './escaped-keys.ts';
import { parseJson } from './json.ts';

/** The first repeated key; `undefined` where there is none. @param text known to be JSON */
export function repeatedKey(text: string): string | undefined {
  /** The keys of each object that is open; lists have none. */
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '{') open.push(new Set());
    else if (char === '[') open.push(undefined);
    else if (char === '}' || char === ']') open.pop();
    else if (char === '"') {
      const end = endOfString(text, at);
      if (isKey(text, end)) {
        const key = keyOf(text.slice(at, end));
        const keys = open.at(-1);
        if (keys?.has(key) === true) return key;
        keys?.add(key);
      }
      at = end - 1;
    }
  }
  return undefined;
}

/** Two spellings of one key are the same key. */
function keyOf(token: string): string {
  const plain = token.slice(1, -1);
  const read = plain.includes('\\') ? parseJson(token) : plain;
  return typeof read === 'string' ? read : plain;
}
