// The keys that sign requests to the worker, in a file that projector and worker read.
import { existsSync } from 'node:fs';
import { messageKey, type MessageKeys } from '../../projections/message-signature.ts';
import { createKeyFile, parseKeys, readKeyFile, type KeyPurpose } from './key-file.ts';

const PURPOSE: KeyPurpose = {
  code: 'message_key',
  whenOpen: 'put a new key before it: docs/delivery.md',
};

/**
 * The keys of a file.
 *
 * @param options.create makes the file with a random key if it is missing
 * @throws TocsinError `usage` when the file is missing or has no keys, `refused` when others may read it
 */
export function readMessageKeys(file: string, { create = false } = {}): MessageKeys {
  if (create && !existsSync(file)) createKeyFile(file);
  const [first, ...others] = parseKeys(readKeyFile(file, PURPOSE), PURPOSE);
  return [messageKey(first), ...others.map(messageKey)];
}
