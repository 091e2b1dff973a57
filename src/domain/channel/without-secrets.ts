// What somebody says about a channel, without what it may have repeated of the channel's secrets.
import type { ChannelTarget } from '../ports/sender.ts';

/** Shorter parts of an address are no secrets, and would be found in the middle of codes and words. */
const SHORTEST_PART = 6;

/** The text with each secret of the channel cut out, whole or in the parts that stand for it. */
export function withoutSecretsOf(text: string, target: ChannelTarget): string {
  return secretsIn(target).reduce((rest, word) => rest.replaceAll(word, '***'), text);
}

/** The longest first: what is cut out of the middle of a longer one would leave its ends. */
function secretsIn({ url, bearerToken, secret }: ChannelTarget): readonly string[] {
  const { pathname, search, searchParams } = new URL(url);
  const key = pathname.split('/').at(-1) ?? '';
  const parts = [url, pathname + search, key, ...searchParams.values()];
  const words = [bearerToken ?? '', secret ?? '', secret?.replace(/^whsec_/, '') ?? ''];
  return [...parts.filter(({ length }) => length >= SHORTEST_PART), ...words]
    .filter((word) => word !== '')
    .toSorted((a, b) => b.length - a.length);
}
