// What a window of notifications belongs to: a user or a target. Without imports, because adapters load this file.

/** One window for a user and trigger type, or one for each of its targets. */
export const PER = ['user', 'target'] as const;

/** What a notification had a window for itself with: its user, its target, or (without windows) nothing else. */
export const KEYED_PER = [...PER, 'request'] as const;

export type KeyedPer = (typeof KEYED_PER)[number];
