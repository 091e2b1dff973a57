// Text from outside is cleaned and cut here before it is stored or shown.

/** The first `max` UTF-16 units; a surrogate pair is never split. */
function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const last = text.charCodeAt(max - 1);
  const isSplit = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, isSplit ? max - 1 : max);
}

/** Text that every store and wire takes: no NUL, no lone surrogates, at most `max` UTF-16 units. */
export function cleanText(text: string | undefined, max: number): string | undefined {
  const clean = cut((text ?? '').replaceAll('\u0000', '').toWellFormed(), max);
  return clean === '' ? undefined : clean;
}

/** Clean text on one line, for people: runs of control characters become a space. */
export function oneLine(text: string, max = 200): string {
  return cut(
    text
      .toWellFormed()
      .replace(/\p{Cc}+/gu, ' ')
      .trim(),
    max,
  );
}

/**
 * Text for a terminal or a log: what could move a cursor, begin a line, or turn the order of letters is shown
 * as JSON writes it (`\u001b`). The joiners of emoji and of some scripts stay, because they only join letters.
 */
export function escapeControls(text: string): string {
  return text.replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    Array.from({ length: found.length }, (_, at) => escapedUnit(found.charCodeAt(at))).join(''),
  );
}

function escapedUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

/** The first `max` characters, those outside printable ASCII as `?`: for names that a client sent. */
export function printable(text: string, max = 64): string {
  return text.slice(0, max).replace(/[^\x20-\x7e]/g, '?');
}

export function cutCodePoints(text: string, max: number): string {
  // No text has more code points than UTF-16 units.
  return text.length <= max ? text : Array.from(text).slice(0, max).join('');
}

/** True for text that shows nothing: blanks, controls, and characters without a shape, such as a zero-width space. */
export function isBlankText(text: string): boolean {
  return /^[\s\p{Cc}\p{Default_Ignorable_Code_Point}\u2800]*$/u.test(text);
}
