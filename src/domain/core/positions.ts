// The position of an event in the whole log. Both parts are kept everywhere: a resume by the commit part
// alone has lost events on real servers.

/** A position in the whole log. Positions increase and have gaps. */
export type Position = { readonly commit: bigint; readonly prepare: bigint };

export const START_POSITION: Position = { commit: 0n, prepare: 0n };

/** Negative when `a` is before `b`, zero when they are equal. */
export function comparePositions(a: Position, b: Position): number {
  if (a.commit !== b.commit) return a.commit < b.commit ? -1 : 1;
  if (a.prepare !== b.prepare) return a.prepare < b.prepare ? -1 : 1;
  return 0;
}

/** `commit/prepare` in decimal, the form at rest and in headers. */
export function formatPosition(position: Position): string {
  return `${position.commit}/${position.prepare}`;
}

/** Reads {@link formatPosition}'s form; a single number stands for both parts. */
export function parsePosition(text: string): Position | undefined {
  const match = /^(\d{1,19})(?:\/(\d{1,19}))?$/.exec(text);
  if (match === null) return undefined;
  const commit = BigInt(match[1] ?? '0');
  return { commit, prepare: match[2] === undefined ? commit : BigInt(match[2]) };
}
