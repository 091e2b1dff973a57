// Text as a receiver of a link reads it: without characters that nobody sees, with full-width and other compatible
// letters as plain ones, and with each dot that a host name may have as a full stop. Offsets lead back to the text.

export type Folded = {
  readonly text: string;
  /** The offset in the original text. */
  readonly at: (index: number) => number;
};

/** Nobody sees them: soft hyphen, joiners, marks of direction, selectors of variants, tags. */
const UNSEEN = /\p{Default_Ignorable_Code_Point}/u;

/** Letters, digits, dots, hyphens and slashes in other forms; punctuation of Chinese stays what it is. */
const OTHER_FORM =
  /[\u2024\u2100-\u214f\u2460-\u24ff\ufb00-\ufb06\ufe52\uff0d-\uff19\uff21-\uff3a\uff41-\uff5a\uff61]|[\u{1d400}-\u{1d7ff}\u{1f100}-\u{1f1ff}]/u;

/** An ideographic full stop inside of a name; elsewhere it ends a sentence. */
const STOP = /(?<=[a-z0-9])\u3002(?=[a-z])/giu;

/** Most texts have none of these. */
const MAY_FOLD = new RegExp(`${UNSEEN.source}|${OTHER_FORM.source}|${STOP.source}`, 'iu');

export function fold(text: string): Folded {
  if (!MAY_FOLD.test(text)) return { text, at: (index) => index };
  let folded = '';
  const offsets: number[] = [];
  let offset = 0;
  for (const character of text) {
    const seen = UNSEEN.test(character)
      ? ''
      : OTHER_FORM.test(character)
        ? character.normalize('NFKC')
        : character;
    for (let i = 0; i < seen.length; i += 1) {
      // Both halves of a pair have their own place where the character stays as it is.
      offsets.push(offset + (seen === character ? i : 0));
    }
    folded += seen;
    offset += character.length;
  }
  return {
    text: folded.replaceAll(STOP, '.'),
    at: (index) => offsets[index] ?? text.length,
  };
}
