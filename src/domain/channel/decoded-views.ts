// A text as its reader may decode it, with offsets that lead back to the text: to find in it what is written in escapes.

export type View = {
  readonly text: string;
  /** Where a character of the view begins in the text, and where it ends. */
  readonly startOf: (index: number) => number;
  readonly endOf: (index: number) => number;
};

/** Of URLs, JSON, JavaScript and HTML. */
const ESCAPE =
  /%(?<percent>[0-9a-f]{2})|\\u\{?(?<unicode>[0-9a-f]{4,6})\}?|\\x(?<byte>[0-9a-f]{2})|&#x(?<hex>[0-9a-f]{1,6});|&#(?<decimal>\d{1,7});|&(?<name>amp|lt|gt|quot|apos|sol|equals|num|percnt|plus|lowbar|colon|period|hyphen|dash);|\\(?<plain>["\\/])/gi;
/** Of mail: an encoded byte, or the end of a line inside of a word. */
const QUOTED_PRINTABLE = /=(?<hex>[0-9a-f]{2})|=\r?\n/gi;
/** What stands between the bytes of a dump, or breaks a long word. */
const SEPARATOR = /[\s:,;-]+(?:0x|\\x)?|0x|\\x/gi;

const NAMED: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", sol: '/', equals: '=', num: '#' },
  ...{ percnt: '%', plus: '+', lowbar: '_', colon: ':', period: '.', hyphen: '-', dash: '-' },
};

/** A double escape needs two steps. */
const STEPS = 3;

/** The text itself, its decoded forms, and the text without separators. */
export function viewsOf(text: string): readonly View[] {
  const own: View = { text, startOf: (index) => index, endOf: (index) => index + 1 };
  const views = [own];
  let last = own;
  for (let step = 0; step < STEPS; step += 1) {
    const next = replaced(last, ESCAPE, characterOf);
    if (next === undefined) break;
    views.push(next);
    last = next;
  }
  const others = [replaced(own, QUOTED_PRINTABLE, characterOf), replaced(own, SEPARATOR, () => '')];
  return [...views, ...others.flatMap((view) => view ?? [])];
}

type Groups = Readonly<Record<string, string | undefined>>;

function characterOf({ percent, unicode, byte, hex, decimal, name, plain }: Groups): string {
  if (name !== undefined) return NAMED[name.toLowerCase()] ?? '';
  const digits = percent ?? unicode ?? byte ?? hex;
  const code = digits === undefined ? Number(decimal ?? NaN) : Number.parseInt(digits, 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : (plain ?? '');
}

/** `undefined` where nothing is to be replaced. */
function replaced(
  view: View,
  pattern: RegExp,
  characterFor: (groups: Groups) => string,
): View | undefined {
  let text = '';
  const starts: number[] = [];
  const ends: number[] = [];
  const keep = (from: number, to: number): void => {
    for (let i = from; i < to; i += 1) {
      starts.push(view.startOf(i));
      ends.push(view.endOf(i));
    }
    text += view.text.slice(from, to);
  };
  let at = 0;
  for (const found of view.text.matchAll(pattern)) {
    keep(at, found.index);
    at = found.index + found[0].length;
    const decoded = characterFor(found.groups ?? {});
    for (let i = 0; i < decoded.length; i += 1) {
      starts.push(view.startOf(found.index));
      ends.push(view.endOf(at - 1));
    }
    text += decoded;
  }
  if (at === 0) return undefined;
  keep(at, view.text.length);
  const startOf = (index: number): number => starts[index] ?? view.startOf(index);
  return { text, startOf, endOf: (index) => ends[index] ?? view.endOf(index) };
}
