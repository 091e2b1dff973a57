// The versions of EventStoreDB that the front imitates on request. Without one it is kinder than any of them.

export const SERVER_VERSIONS = ['23.10', '24.6', '24.10'] as const;

export type ServerVersion = (typeof SERVER_VERSIONS)[number];

/** A version to imitate, or `undefined` for the front's own, kind answers. */
export type Like = ServerVersion | undefined;

/** What `ServerFeatures` and `/info` say; clients parse three numbers. */
export function versionText(like: Like): string {
  return { '23.10': '23.10.6', '24.6': '24.6.0', '24.10': '24.10.5' }[like ?? '24.10'];
}

/** Until 24.6 the size of an append was that of its data alone. */
export function countsOnlyData(like: Like): boolean {
  return like === '23.10' || like === '24.6';
}
