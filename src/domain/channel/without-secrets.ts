// Removes the secrets of a channel from the text of a sender or provider, also where the text repeats them in
// another case, in part, or encoded.
import type { ChannelTarget } from '../ports/sender.ts';
import { hostLabels } from './address.ts';
import { viewsOf } from './decoded-views.ts';

/** Shorter parts of an address are no secrets, and would match inside other words. */
const SHORTEST_PART = 6;

/** So many letters in a row of a secret, or of one of its encodings, are cut out of a text. */
const SHORTEST_RUN = 8;

/** Replaces what repeats a secret of the channel, or a secret part of its address, by `***`. */
export function withoutSecretsOf(text: string, target: ChannelTarget): string {
  const isCut = new Uint8Array(text.length);
  const byLength = runsByLength(target);
  for (const view of viewsOf(text)) {
    const folded = fold(view.text);
    for (const [length, runs] of byLength) {
      for (let at = 0; at + length <= folded.length; at += 1) {
        if (!runs.has(folded.slice(at, at + length))) continue;
        isCut.fill(1, view.startOf(at), view.endOf(at + length - 1));
      }
    }
  }
  return replaced(text, isCut);
}

function runsByLength(target: ChannelTarget): ReadonlyMap<number, ReadonlySet<string>> {
  const { pathname, search } = new URL(target.url);
  const found = new Map<number, Set<string>>();
  const add = (form: string, length: number): void => {
    const runs = found.get(length) ?? new Set();
    found.set(length, runs);
    for (const run of windowsOf(form, length)) runs.add(run);
  };
  // The parts that all addresses of a kind share are no secret, but a text is easier to read without them.
  for (const whole of [target.url, pathname + search].map(fold)) {
    if (whole.length >= SHORTEST_PART) add(whole, whole.length);
  }
  for (const form of secretsIn(target).flatMap(formsOf).map(fold)) {
    add(form, Math.min(SHORTEST_RUN, form.length));
  }
  return found;
}

function secretsIn({ url, kind, bearerToken, secret }: ChannelTarget): readonly string[] {
  const { hostname, pathname, searchParams } = new URL(url);
  const path = pathname.split('/');
  const labels = hostLabels(hostname).flatMap(({ label, isSecret }) => (isSecret ? [label] : []));
  // The first parts of Feishu's paths are the same for everybody.
  const parts = kind === 'webhook' ? [...labels, ...path] : path.slice(-1);
  const words = [bearerToken ?? '', secret?.replace(/^whsec_/, '') ?? ''];
  return [
    ...[...parts, ...searchParams.values(), ...secretNames(searchParams)].filter(
      ({ length }) => length >= SHORTEST_PART,
    ),
    ...words.filter((word) => word !== ''),
  ];
}

/** A name without a value is what the receiver checks; so may be a name that is no word. */
function secretNames(parameters: URLSearchParams): readonly string[] {
  return Array.from(parameters)
    .filter(([name, value]) => value === '' || (/\d/.test(name) && name.length >= SHORTEST_RUN))
    .map(([name]) => name);
}

/** A secret as a receiver may echo it: plain, decoded, backwards, in hex, in base64 of any alignment. */
function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const decoded = decodeUri(secret);
  return [
    secret,
    encodeURIComponent(secret),
    ...(decoded === undefined ? [] : [decoded]),
    Array.from(secret).reverse().join(''),
    bytes.toString('hex'),
    ...[0, 1, 2].flatMap((before) => base64At(bytes, before)),
  ].filter((form) => form === secret || form.length >= SHORTEST_RUN);
}

/** The letters of base64 that these bytes alone decide, when others precede and follow them. */
function base64At(bytes: Buffer, before: number): readonly string[] {
  const padded = Buffer.concat([Buffer.alloc(before), bytes]);
  const first = Math.ceil((before * 8) / 6);
  const end = Math.floor((padded.length * 8) / 6);
  return (['base64', 'base64url'] as const).map((name) => padded.toString(name).slice(first, end));
}

function decodeUri(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // A path may hold a `%` that begins no escape; then there is nothing to decode.
    return undefined;
  }
}

/** Only ASCII, so that the length stays. */
function fold(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function* windowsOf(text: string, length: number): Iterable<string> {
  for (let at = 0; at + length <= text.length; at += 1) yield text.slice(at, at + length);
}

function replaced(text: string, isCut: Uint8Array): string {
  let kept = '';
  for (let at = 0; at < text.length; at += 1) {
    if (isCut[at] === 0) kept += text[at] ?? '';
    else if (isCut[at - 1] !== 1) kept += '***';
  }
  return kept;
}
