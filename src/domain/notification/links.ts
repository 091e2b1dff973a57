// Finds the links in text from outside, as mail programs and chats make them: with a scheme, with `www.`, and bare
// domains. A bare name is a link with a known top-level domain, or with a path, port or query behind any domain.
import { fold } from './folded.ts';
import { isTopDomain, mayBeTopDomain } from './top-domains.ts';

/** One link of a text, as offsets. */
export type Link = { readonly from: number; readonly to: number };

/** What no link goes beyond: white space, quotes, brackets, and the punctuation of Chinese. */
const WORD = /[^\s<>"“”„«»()[\]{}、。,！？；：（）【】]+/gu;
const SCHEME =
  /[a-z][a-z0-9+.-]*:\/\/|:\/\/|www\.|(?:javascript|vbscript|mailto|tel|sms|callto|skype|magnet):[^\s]|data:[a-z]+\//iu;
/** Labels and dots, in any script. */
const NAME = /[\p{L}\p{M}\p{N}_.-]*\.[\p{L}\p{M}\p{N}_.-]*/gu;
const LOCALHOST = /(?<![\p{L}\p{N}_.-])localhost(?=:\d{2,5}(?!\d)|[/?#][^.,;!?])/iu;
const BEHIND = /^(?::\d{2,5}(?!\d)|[/?#][^.,;!?])/u;
const ENDING = /[.,;:!?'’]+$/u;
/** A number of an IP address: decimal, hexadecimal, or octal. */
const QUAD = /^(?:(?:0x[0-9a-f]{1,8}|\d{1,11})\.){3}(?:0x[0-9a-f]{1,8}|\d{1,11})$/iu;

/** Scripts that put spaces between words; in other scripts a name in plain letters begins and ends with these letters. */
const SPACED = String.raw`[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Nd}_-]`;
const SPACED_TAIL = new RegExp(`${SPACED}+$`, 'u');
const SPACED_HEAD = new RegExp(`^${SPACED}+`, 'u');
const CAPITALISED = /^\p{Lu}\p{Ll}+$/u;
/** Names of products that look like domains. */
const PRODUCTS: ReadonlySet<string> = new Set(['ASP.NET', 'VB.NET', 'ADO.NET']);

/** Most texts have none of these, and then no link: each raise looks at a summary. */
const MAY_BE_LINK =
  /[.:][^\s.]|[\u2024\ufe52\uff0e\uff61][^\s]|[^\s]\u3002[^\s\p{Script=Han}]|localhost|\p{Default_Ignorable_Code_Point}/iu;

/** The links of a text, in order; at most one in each word, to the word's end. */
export function linksIn(text: string): readonly Link[] {
  if (!MAY_BE_LINK.test(text)) return [];
  const folded = fold(text);
  return Array.from(folded.text.matchAll(WORD)).flatMap(({ 0: word, index: at }) => {
    const from = Math.min(
      SCHEME.exec(word)?.index ?? Infinity,
      LOCALHOST.exec(word)?.index ?? Infinity,
      nameIn(word) ?? Infinity,
    );
    if (from === Infinity) return [];
    return [{ from: folded.at(at + from), to: folded.at(endOf(word, at)) }];
  });
}

/** Where the first name begins that is a link. An e-mail address is none. */
function nameIn(word: string): number | undefined {
  if (!word.includes('.')) return undefined;
  for (const { 0: found, index: at } of word.matchAll(NAME)) {
    const { name, index } = trimmed(found, at);
    const behind = word.slice(index + name.length);
    const isAddress = word[index - 1] === '@' || behind.startsWith('@');
    const isLink = BEHIND.test(behind) ? isName(name) : !isAddress && isDomain(name);
    if (isLink) return startOf(word, index);
  }
  return undefined;
}

/** The name without the words before and behind it, in scripts that put no spaces between words. */
function trimmed(found: string, at: number): { readonly name: string; readonly index: number } {
  const [first = '', ...others] = found.split('.');
  const last = others.pop() ?? '';
  const head = SPACED_TAIL.exec(first)?.[0] ?? first;
  const tail = SPACED_HEAD.exec(last)?.[0] ?? last;
  return { name: [head, ...others, tail].join('.'), index: at + first.length - head.length };
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

/** With a path, port or query behind it. */
function isName(name: string): boolean {
  const { labels, top } = parts(name);
  return (labels.length > 0 && mayBeTopDomain(top)) || QUAD.test(name);
}

function isDomain(name: string): boolean {
  const { labels, top } = parts(name);
  const last = labels.at(-1) ?? '';
  if (last === '' || PRODUCTS.has(name)) return false;
  // `9.30 a.m.`, `3.in`; but `12.com` is a domain.
  if (/^\d{1,2}$/u.test(last) && top.length < 3) return false;
  // `B.Sc.`, `M.Com.`
  if (last.length === 1 && CAPITALISED.test(top)) return false;
  // 使用.NET
  if (/^\p{Lu}+$/u.test(top) && !SPACED_TAIL.test(last)) return false;
  return isTopDomain(top);
}

function parts(name: string): { readonly labels: readonly string[]; readonly top: string } {
  const all = name.replace(/^[.-]+|[.-]+$/gu, '').split('.');
  const top = all.at(-1) ?? '';
  return { labels: all.includes('') ? [] : all.slice(0, -1), top };
}
