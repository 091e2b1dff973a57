// Words of a file's as people are shown them.

/** Text for people: clean, on one line, and not without end. */
export function short(text: string, max = 200): string {
  return text
    .toWellFormed()
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, max)
    .toWellFormed();
}
