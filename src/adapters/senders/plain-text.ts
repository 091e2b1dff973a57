// Text that says what it says and does nothing. Providers read markup in the text itself: a task's title
// must not be able to call everybody, nor to hide where a link leads.

/** Characters that look like the ones that begin and end a tag, and are none. */
const HARMLESS: Readonly<Record<string, string>> = { '<': '＜', '>': '＞' };

/** Line breaks stay; other control characters, and those that turn writing around, go. */
const INVISIBLE = /[^\P{Cc}\n]|[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** A text without tags and without `[text](link)`. */
export function plainText(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(INVISIBLE, '')
    .replace(/[<>]/g, (sign) => HARMLESS[sign] ?? sign)
    .replace(/\]\s*\(/g, '] - (');
}
