// The port to a vault of small secrets by name. The log holds names and sealed text only, so removing a
// secret from the vault makes the sealed text unreadable for ever.

/** Stores secrets. Every call may reject with a TocsinError; no message of it holds a secret. */
export type SecretVault = {
  readonly put: (name: string, secret: string) => Promise<void>;
  /** Stores the secret unless the name exists. @returns the secret that the name has now */
  readonly putIfAbsent: (name: string, secret: string) => Promise<string>;
  readonly get: (name: string) => Promise<string | undefined>;
  /**
   * Deletes the secret from the vault and its files. It rejects while the files still hold bytes of a deleted secret;
   * a repeat, also for a name that the vault does not have, completes the deletion.
   *
   * @returns false when there was none
   */
  readonly remove: (name: string) => Promise<boolean>;
  /** The names that begin with a prefix, in bytewise order. */
  readonly names: (prefix: string) => Promise<readonly string[]>;
  /** A keyed hash, 64 hex digits; a text keeps its hash when keys are rotated. */
  readonly fingerprint: (text: string) => Promise<string>;
};
