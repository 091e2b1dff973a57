// Reading a message as a consumer does: from its subject or its `ce-type`, and its bytes.
import type { z } from 'zod';
import { describe } from '../core/codec.ts';
import {
  CONTRACTS,
  type ActiveScheduleTriggered,
  type ContractName,
  type NotificationRequested,
} from './schemas.ts';

/** A message that is what its contract says, or why it is not. */
export type ParsedMessage =
  | {
      readonly ok: true;
      readonly contract: 'active_schedule.triggered';
      readonly data: ActiveScheduleTriggered;
    }
  | {
      readonly ok: true;
      readonly contract: Exclude<ContractName, 'active_schedule.triggered'>;
      readonly data: NotificationRequested;
    }
  | {
      readonly ok: false;
      readonly code: 'unknown_contract' | 'broken_json' | 'schema_invalid';
      readonly message: string;
    };

/**
 * Parses a message's body by its contract. Never throws; fields that the contract does not know are
 * left out, so that later versions may add some.
 *
 * @param subjectOrType the message's subject (with root, `mock.` and all), or its `ce-type` header
 * @param data the message's bytes
 */
export function parseMessage(subjectOrType: string, data: Uint8Array): ParsedMessage {
  const contract = contractOf(subjectOrType);
  if (contract === undefined) {
    return { ok: false, code: 'unknown_contract', message: 'neither a subject nor a type of ours' };
  }
  const body = parseJson(data);
  if (body === undefined) {
    return { ok: false, code: 'broken_json', message: 'the data is not JSON in UTF-8' };
  }
  if (contract === 'active_schedule.triggered') {
    const parsed = CONTRACTS[contract].safeParse(body.value);
    return parsed.success ? { ok: true, contract, data: parsed.data } : invalid(parsed.error);
  }
  const parsed = CONTRACTS[contract].safeParse(body.value);
  return parsed.success ? { ok: true, contract, data: parsed.data } : invalid(parsed.error);
}

const NAMES = Object.keys(CONTRACTS).filter(isContractName);

function isContractName(name: string): name is ContractName {
  return Object.hasOwn(CONTRACTS, name);
}

/** `{contract}` itself, or `{root}[mock.]{contract}.{share}.{user}`. */
function contractOf(subjectOrType: string): ContractName | undefined {
  const exact = NAMES.find((name) => name === subjectOrType);
  if (exact !== undefined) return exact;
  const match = /^((?:[A-Za-z0-9_-]+\.)*?)[0-9a-f]{2}\.[^.\s]+$/.exec(subjectOrType);
  const path = `.${match?.[1] ?? ''}`;
  return NAMES.find((name) => path.endsWith(`.${name}.`));
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function parseJson(data: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(decoder.decode(data)) };
  } catch {
    // Bytes that are not UTF-8, or text that is not JSON: one and the same to a consumer.
    return undefined;
  }
}

function invalid(error: z.ZodError): ParsedMessage {
  return { ok: false, code: 'schema_invalid', message: describe(error) };
}
