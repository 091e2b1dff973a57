// Checks the claims of idempotency keys: a trigger that was raised under a key has a claim before it, which holds the
// same request. Only hashes of the claims are remembered.
import { hash } from 'node:crypto';
import { isJsonObject, type JsonObject } from '../../../domain/core/json.ts';
import { keyedCommandId } from '../../../domain/core/ids.ts';
import { joinKey, taggedKeyPart } from '../../../domain/core/keys.ts';
import { personalContent, sealedPersonal } from '../../../domain/core/personal.ts';
import { requestFields } from '../../../domain/core/trigger-fields.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { quickUuidOfKey } from '../../uuid.ts';
import { Fingerprints } from './fingerprints.ts';
import { eventText, type Findings } from './mismatches.ts';
import { UNKNOWN_STORY, type Story, type StreamName } from './streams.ts';

const CLAIMED: Story = 1;
const FIELDS = Object.keys(requestFields).filter((field) => field !== 'personal');
const NO_PAYLOAD = 0;

export class ClaimCheck {
  readonly #findings: Findings;
  /** By the UUIDs of the claims' streams. */
  readonly #requests = new Fingerprints();
  readonly #payloads = new Fingerprints();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  readonly follow = (event: RecordedEvent, story: Story, { uuid }: StreamName): Story => {
    if (event.type !== 'IdempotencyClaimed' || !isJsonObject(event.data)) return story;
    if (story === CLAIMED) {
      this.#findings.add('event_added', eventText(event), 'its idempotency key was claimed before');
      return UNKNOWN_STORY;
    }
    const { data } = event;
    const { userId, triggerType, requestHash, triggerStream } = data;
    if (streamUuid(data) !== uuid)
      this.#findings.add('event_changed', eventText(event), 'its key belongs to another stream');
    const command = keyedCommandId(
      textOf(userId),
      textOf(triggerType),
      textOf(data['idempotencyKey']),
      textOf(requestHash),
    );
    this.#requests.set(uuid, fingerprint(data, textOf(triggerStream), command));
    this.#payloads.set(uuid, payloadOf(data));
    return CLAIMED;
  };

  /** Compares a trigger that names a key with its claim. */
  raised(event: RecordedEvent, data: JsonObject): void {
    if (typeof data['idempotencyKey'] !== 'string') return;
    const uuid = streamUuid(data);
    const request = this.#requests.get(uuid);
    const where = eventText(event);
    if (request === undefined) {
      const detail = `IdempotencyClaimed of its key is not in the log before it`;
      this.#findings.add('event_missing', `the claim of ${where}`, detail);
      return;
    }
    const { metadata, stream } = event;
    const commandId = isJsonObject(metadata) ? metadata['commandId'] : undefined;
    if (request !== fingerprint(data, stream, textOf(commandId)))
      this.#findings.add('event_changed', where, 'its request is not that of the claim of its key');
    const [claimed, own] = [this.#payloads.get(uuid), payloadOf(data)];
    if (claimed !== own && claimed !== NO_PAYLOAD && own !== NO_PAYLOAD)
      this.#findings.add('event_changed', where, 'its payload is not that of the claim of its key');
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function streamUuid({ userId, triggerType, idempotencyKey }: JsonObject): string {
  const scope = joinKey(textOf(userId), textOf(triggerType));
  return quickUuidOfKey(`${scope}:${taggedKeyPart('k', textOf(idempotencyKey))}`);
}

function fingerprint(data: JsonObject, stream: string, command: string): number {
  const fields = FIELDS.map((field) => data[field] ?? null);
  return shortHash(JSON.stringify([...fields, data['occurrence'] ?? null, stream, command]));
}

/** Of a payload that can be read; of a claim and its trigger, often only one is sealed. */
function payloadOf(data: JsonObject): number {
  if (sealedPersonal(data) !== undefined) return NO_PAYLOAD;
  return shortHash(JSON.stringify(personalContent(data['personal'])['payload'] ?? null));
}

const HEX_DIGITS_OF_52_BITS = 13;

/** The first 52 bits of SHA-256. */
export function shortHash(text: string): number {
  return Number.parseInt(hash('sha256', text).slice(0, HEX_DIGITS_OF_52_BITS), 16);
}
