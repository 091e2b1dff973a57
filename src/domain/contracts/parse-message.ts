// Parses a message for a consumer: by its subject or its `ce-type`, and its bytes.
import type { z } from 'zod';
import { describe } from '../core/codec.ts';
import { parseJson } from '../core/json.ts';
import {
  CONTRACTS,
  NotificationRequested,
  type ContractName,
  type NotificationContract,
} from './schemas.ts';

/** The data of a valid message, or the fault. */
export type ParsedMessage =
  | { [C in keyof typeof CONTRACTS]: ParsedAs<C, (typeof CONTRACTS)[C]> }[keyof typeof CONTRACTS]
  | ParsedAs<NotificationContract, typeof NotificationRequested>
  | NotParsed;

type ParsedAs<C extends ContractName, S extends z.ZodType> = {
  readonly ok: true;
  readonly contract: C;
  readonly data: z.output<S>;
};

type NotParsed = {
  readonly ok: false;
  readonly code: 'unknown_contract' | 'broken_json' | 'schema_invalid';
  readonly message: string;
};

/**
 * Parses a message's body by its contract. Never throws. Fields that the contract does not know are left
 * out, so that later versions may add fields.
 *
 * @param subjectOrType the message's subject (with root, `mock.` and all), or its `ce-type` header
 * @param data the message's bytes
 */
export function parseMessage(subjectOrType: string, data: Uint8Array): ParsedMessage {
  const contract = contractOf(subjectOrType);
  if (contract === undefined) {
    const message = 'neither a subject nor a type of Tocsin';
    return { ok: false, code: 'unknown_contract', message };
  }
  const body = bodyOf(data);
  if (body === undefined) {
    return { ok: false, code: 'broken_json', message: 'the data is not JSON in UTF-8' };
  }
  switch (contract) {
    case 'trigger.raised':
      return parsedAs(contract, CONTRACTS[contract], body.value);
    case 'active_schedule.triggered':
      return parsedAs(contract, CONTRACTS[contract], body.value);
    case 'schedule.apply.succeeded':
      return parsedAs(contract, CONTRACTS[contract], body.value);
    case 'schedule.apply.failed':
      return parsedAs(contract, CONTRACTS[contract], body.value);
    default:
      return parsedAs(contract, NotificationRequested, body.value);
  }
}

const NAMES = Object.keys(CONTRACTS).filter(isContractName);

function isContractName(name: string): name is keyof typeof CONTRACTS {
  return Object.hasOwn(CONTRACTS, name);
}

/** `{contract}` itself, or `{root}[mock.]{contract}.{share}.{user}`. */
function contractOf(subjectOrType: string): ContractName | undefined {
  const exact =
    NAMES.find((name) => name === subjectOrType) ?? notificationIn(`.${subjectOrType}.`, true);
  if (exact !== undefined) return exact;
  const match = /^((?:[A-Za-z0-9_-]+\.)*?)[0-9a-f]{2}\.[^.\s]+$/.exec(subjectOrType);
  const path = `.${match?.[1] ?? ''}`;
  return NAMES.find((name) => path.endsWith(`.${name}.`)) ?? notificationIn(path, false);
}

/** The contract at the end of a path, or as the whole of it. */
function notificationIn(path: string, whole: boolean): NotificationContract | undefined {
  const found = /^(.*)\.notification\.([a-z0-9_]{1,32})\.requested\.$/.exec(path);
  if (found === null || (whole && found[1] !== '')) return undefined;
  return `notification.${found[2] ?? ''}.requested`;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function bodyOf(data: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: parseJson(decoder.decode(data)) };
  } catch {
    // Bytes that are not UTF-8, and text that is not JSON, have the same code.
    return undefined;
  }
}

function parsedAs<C extends ContractName, S extends z.ZodType>(
  contract: C,
  schema: S,
  value: unknown,
): ParsedAs<C, S> | NotParsed {
  const parsed = schema.safeParse(value);
  return parsed.success
    ? { ok: true, contract, data: parsed.data }
    : { ok: false, code: 'schema_invalid', message: describe(parsed.error) };
}
