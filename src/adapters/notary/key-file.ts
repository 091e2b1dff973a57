// The key of a notary: a file that only its owner may read, with the private key in use and all public keys.
import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
} from 'node:fs';
import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { TocsinError } from '../../domain/core/errors.ts';
import { tryParseJson } from '../../domain/core/json.ts';
import { keyIdOf, type HeadSigner } from '../../projections/notary/head.ts';
import {
  endorsementText,
  publishedKeys,
  PublishedKeysSchema,
  type PublishedKey,
  type PublishedKeys,
} from '../../projections/notary/keys.ts';
import { makePrivateFolder } from '../sqlite/private-file.ts';
import { dirname } from 'node:path';

const FileSchema = z.strictObject({ published: PublishedKeysSchema, privateKey: z.string() });

/** What a notary signs with, and what it publishes. */
export type NotaryKey = {
  readonly signer: HeadSigner;
  readonly published: PublishedKeys;
};

/**
 * Makes a key file.
 * @throws TocsinError `usage` when the file exists (`key_exists`) or cannot be written
 */
export function makeNotaryKey(file: string, now: number): NotaryKey {
  if (existsSync(file)) {
    throw new TocsinError('usage', 'key_exists', `${file} exists already`, {
      hint: 'Use tocsin notary key rotate for a new key that the old key endorses.',
    });
  }
  const { key, published } = freshKey(now);
  return write(file, key, [published]);
}

/** The key of the file, which is made when it is missing. */
export function ensureNotaryKey(file: string, now: number): NotaryKey {
  return existsSync(file) ? readNotaryKey(file) : makeNotaryKey(file, now);
}

/** Replaces the private key; the old key endorses the new one, and is then gone. */
export function rotateNotaryKey(file: string, now: number): NotaryKey {
  const { signer, published: before } = readNotaryKey(file);
  const { key, published } = freshKey(now);
  const endorsed = { by: signer.key, signature: signer.sign(endorsementText(published)) };
  return write(file, key, [...before.keys, { ...published, endorsed }]);
}

/** @throws TocsinError `usage` when the file cannot be read or is no key file, `refused` when others may read it */
export function readNotaryKey(file: string): NotaryKey {
  const parsed = FileSchema.safeParse(tryParseJson(textOf(file)));
  const last = parsed.data?.published.keys.at(-1);
  if (!parsed.success || last === undefined) throw badFile(file, 'it is no key file of a notary');
  let key: KeyObject;
  try {
    key = createPrivateKey(parsed.data.privateKey);
  } catch {
    // The error is dropped because it may quote the key.
    throw badFile(file, 'its private key cannot be read');
  }
  return { signer: signerOf(key, last.id), published: parsed.data.published };
}

function freshKey(now: number): { readonly key: KeyObject; readonly published: PublishedKey } {
  const { privateKey: key, publicKey } = generateKeyPairSync('ed25519');
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const since = new Date(now).toISOString();
  return { key, published: { id: keyIdOf(publicKey), publicKey: pem, since } };
}

function signerOf(key: KeyObject, id: string): HeadSigner {
  return { key: id, sign: (text) => sign(null, Buffer.from(text), key).toString('base64') };
}

/** Atomic, and on the disk when it returns: a head is never signed with a key that a crash could lose. */
function write(file: string, key: KeyObject, keys: readonly PublishedKey[]): NotaryKey {
  const published = publishedKeys(keys);
  const privateKey = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const partial = `${file}.partial`;
  try {
    makePrivateFolder(dirname(file));
    writeFileSync(partial, `${JSON.stringify({ published, privateKey })}\n`, { mode: 0o600 });
    syncFile(partial);
    renameSync(partial, file);
    syncFile(dirname(file));
  } catch (cause) {
    throw badFile(file, cause instanceof Error ? cause.message : String(cause));
  }
  return { signer: signerOf(key, keys.at(-1)?.id ?? ''), published };
}

function syncFile(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function textOf(file: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (cause) {
    throw badFile(file, cause instanceof Error ? cause.message : String(cause));
  }
  try {
    // One descriptor for the check and the read: nobody can replace the file in between.
    if ((fstatSync(descriptor).mode & 0o077) === 0) return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
  throw new TocsinError('refused', 'key_open_to_others', `others may read ${file}`, {
    hint: `Run chmod 600 ${file}. If others could read it, rotate the key with tocsin notary key rotate.`,
  });
}

function badFile(file: string, detail: string): TocsinError {
  return new TocsinError('usage', 'notary_key_unusable', `${file}: ${detail}`, {
    hint: 'Make a key with: tocsin notary key make',
  });
}
