// Finds the links in text from outside, as mail programs and chats make them: with a scheme, with `www.`, and bare
// domains. A bare name is a link with a known top-level domain, or with a path, port or query behind any domain.

/** One link of a text, as offsets. */
export type Link = { readonly from: number; readonly to: number };

const GENERIC =
  'com net org edu gov mil int info biz mobi asia jobs travel museum coop aero xxx app dev page cloud online site ' +
  'website web store shop tech blog live life link click club top xyz icu vip cyou cfd sbs bond quest work world today ' +
  'news space fun win bid loan date men party review stream trade download support help email services solutions ' +
  'digital agency company network systems bank finance credit social chat games wiki zone center global example onion ' +
  'рф укр бел срб ελ';

/** The two-letter domains of countries, by first letter. */
const COUNTRIES =
  'acdefgilmoqrstuwxz babdefghijmnorstvwyz cacdfghiklmnoruvwxyz dejkmoz ecegrstu fijkmor gabdefghilmnpqrstuwy hkmnrtu ' +
  'idelmnoqrst jemop keghimnprwyz labcikrstuvy macdeghklmnopqrstuvwxyz nacefgilopruz om paefghklmnrstwy qa reosuw ' +
  'sabcdeghiklmnorstuvxyz tcdfghjklmnortvwz uagksyz vaceginu wfs yet zamw';

const DOMAINS: ReadonlySet<string> = new Set([
  ...GENERIC.split(' '),
  ...COUNTRIES.split(' ').flatMap(([first = '', ...seconds]) => seconds.map((s) => first + s)),
]);

/** Domains that end the names of files more often: only a path behind them makes a link. */
const ALSO_FILES: ReadonlySet<string> = new Set(
  'cc md ml mm pl pm ps py rs sh so st tf app dev page'.split(' '),
);

/** Endings of files that are no domains, with a path behind or without. */
const FILES: ReadonlySet<string> = new Set(
  (
    'ts js tsx jsx mjs cjs mts json ndjson yaml yml toml xml html htm css txt csv pdf doc docx xls xlsx ppt pptx odt ics ' +
    'png jpg jpeg gif svg mp3 mp4 gz tar tgz sql db log java kt rb php go exe ini conf lock bak'
  ).split(' '),
);

/** What no link goes beyond: white space, quotes, brackets, and the punctuation of Chinese. */
const WORD = /[^\s<>"“”„«»()[\]{}、。,！？；：（）【】]+/gu;
const SCHEME = /[a-z][a-z0-9+.-]*:\/\/|:\/\/|www\./iu;
/** Names of scripts that put spaces between words; in Chinese a name ends where its letters end. */
const NAME =
  /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Nd}_.-]*\.[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Nd}_.-]*/gu;
const BEHIND = /^(?::\d{2,5}(?!\d)|[/?#][^.,;!?])/u;
const ENDING = /[.,;:!?'’]+$/u;

/** Most texts have none of these, and then no link: each raise looks at a summary. */
const MAY_BE_LINK = /:\/\/|\.[^\s.]|www\./iu;

/** The links of a text, in order; at most one in each word, to the word's end. */
export function linksIn(text: string): readonly Link[] {
  if (!MAY_BE_LINK.test(text)) return [];
  return Array.from(text.matchAll(WORD)).flatMap(({ 0: word, index: at }) => {
    const scheme = SCHEME.exec(word)?.index ?? Infinity;
    const from = Math.min(scheme, nameIn(word) ?? Infinity);
    return from === Infinity ? [] : [{ from: at + from, to: endOf(word, at) }];
  });
}

/** Where the first name begins that is a link. An e-mail address is none. */
function nameIn(word: string): number | undefined {
  for (const { 0: name, index } of word.matchAll(NAME)) {
    const behind = word.slice(index + name.length);
    const isAddress = word[index - 1] === '@' || behind.startsWith('@');
    if ((BEHIND.test(behind) && isName(name)) || (!isAddress && isDomain(name))) {
      return startOf(word, index);
    }
  }
  return undefined;
}

/** The text without its links; what they leave can be a link again (`a.comwww.b`), and is cut, too. */
export function withoutLinks(text: string): string {
  let rest = text;
  for (let links = linksIn(rest); links.length > 0; links = linksIn(rest)) rest = cut(rest, links);
  return rest;
}

function cut(text: string, links: readonly Link[]): string {
  const kept = links.map(({ from }, index) => text.slice(links[index - 1]?.to ?? 0, from));
  const rest = [...kept, text.slice(links.at(-1)?.to ?? 0)].join(' ');
  const tidy = rest.replace(/\s+/gu, ' ').replace(/ ([.,;:!?)\]])/gu, '$1');
  return tidy.replace(/[([]\s*[)\]]/gu, '').trim();
}

/** Slashes and a user's name before the name are part of the link. */
function startOf(word: string, index: number): number {
  return /[^\s@]*@$|\/*$/u.exec(word.slice(0, index))?.index ?? index;
}

function endOf(word: string, at: number): number {
  return at + word.replace(ENDING, '').length;
}

function isName(name: string): boolean {
  const { labels, top } = parts(name);
  return labels.length > 0 && /^(?:\p{L}{2,63}|xn--[a-z0-9-]+)$/iu.test(top) && !FILES.has(top);
}

/** A sentence that begins behind a full stop without a space is no domain: `done.It goes on`. */
function isDomain(name: string): boolean {
  const { labels, top, written } = parts(name);
  const [last = ''] = labels.slice(-1);
  if (last === '' || /^\d{1,2}$/u.test(last)) return false;
  if (written !== top && name !== name.toUpperCase()) return false;
  if (ALSO_FILES.has(top)) return false;
  return DOMAINS.has(top) || /^xn--[a-z0-9-]+$/u.test(top);
}

function parts(name: string) {
  const all = name.replace(/^[.-]+|[.-]+$/gu, '').split('.');
  const written = all.at(-1) ?? '';
  const labels = all.slice(0, -1);
  return { labels: all.includes('') ? [] : labels, top: written.toLowerCase(), written };
}
