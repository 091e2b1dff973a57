// The lines of an export, each with the hash of the line before it, and the signature of the last line.
import { createPrivateKey, createPublicKey, hash, sign, type KeyObject } from 'node:crypto';
import { TocsinError } from '../../../domain/core/errors.ts';
import {
  canonicalJson,
  isJsonObject,
  type Json,
  type JsonObject,
} from '../../../domain/core/json.ts';
import { isUnreadable, type RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { eventLineText, GENESIS, hashOf } from './format.ts';

export class Chain {
  #n = 0;
  last = GENESIS;

  line(content: JsonObject): string {
    return canonicalJson(this.next(content));
  }

  /** The text of the next line; its hash does not cover the personal part. */
  event(text: string, personal: Json | undefined, keepsOrder = false): string {
    const place = { n: this.#n, prev: this.last };
    this.#n += 1;
    this.last = hash('sha256', eventLineText(text, place));
    return eventLineText(text, place, { hash: this.last, personal, keepsOrder });
  }

  next(content: JsonObject): JsonObject {
    const line = { ...content, n: this.#n, prev: this.last };
    this.#n += 1;
    this.last = hashOf(line);
    return { ...line, hash: this.last };
  }
}

/** The personal part of an event, which stands beside it in its line. */
export function personalOf({ data }: RecordedEvent): Json | undefined {
  return isUnreadable(data) || !isJsonObject(data) ? undefined : data['personal'];
}

/** @throws TocsinError `usage` for a text that is no private Ed25519 key */
export function privateKeyOf(pem: string): KeyObject {
  let key: KeyObject | undefined;
  let cause: unknown;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    cause = error;
  }
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new TocsinError('usage', 'invalid_key', 'the signing key is not a private Ed25519 key', {
    hint: 'Make one with: openssl genpkey -algorithm ed25519 -out key.pem',
    cause,
  });
}

export function signatureOf(key: KeyObject, hash: string): JsonObject {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  const value = sign(null, Buffer.from(hash), key).toString('base64');
  return { publicKey, value };
}
