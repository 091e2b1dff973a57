// The port to a vault: small secrets by name. What is removed is gone for good, which is how a log that
// never forgets can: it holds names and sealed text only.

/** Keeps secrets. Every call may reject with a TocsinError; none of its messages holds a secret. */
export type SecretVault = {
  readonly put: (name: string, secret: string) => Promise<void>;
  /** Stores it unless the name is taken. @returns what is stored under the name now */
  readonly putIfAbsent: (name: string, secret: string) => Promise<string>;
  readonly get: (name: string) => Promise<string | undefined>;
  /** Shreds it, so that no copy of this vault has it any more. @returns false when there was none */
  readonly remove: (name: string) => Promise<boolean>;
  /** The names that begin with a prefix, in bytewise order. */
  readonly names: (prefix: string) => Promise<readonly string[]>;
  /** A keyed hash, 64 hex digits: the same text has the same one, also after a rotation of keys. */
  readonly fingerprint: (text: string) => Promise<string>;
};
