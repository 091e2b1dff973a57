// Removes the secrets of a channel from the text of a sender or provider.
import type { ChannelTarget } from '../ports/sender.ts';

/** Shorter parts of an address are no secrets, and would match inside other words. */
const SHORTEST_PART = 6;

/** Replaces each secret of the channel, and each secret part of its address, by `***`. */
export function withoutSecretsOf(text: string, target: ChannelTarget): string {
  return secretsIn(target).reduce((rest, word) => rest.replaceAll(word, '***'), text);
}

/** The longest first: a shorter secret inside a longer one would leave the ends of the longer one. */
function secretsIn({ url, bearerToken, secret }: ChannelTarget): readonly string[] {
  const { pathname, search, searchParams } = new URL(url);
  const key = pathname.split('/').at(-1) ?? '';
  const parts = [url, pathname + search, key, ...searchParams.values()];
  const words = [bearerToken ?? '', secret ?? '', secret?.replace(/^whsec_/, '') ?? ''];
  return [...parts.filter(({ length }) => length >= SHORTEST_PART), ...words]
    .filter((word) => word !== '')
    .toSorted((a, b) => b.length - a.length);
}
