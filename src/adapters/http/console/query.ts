// What the address of a page says. A value that cannot be meant is refused: a filter that is left out silently would
// show a list that nobody asked for.
import type { QueryFault } from '../../../console/pages/login.ts';
import { parseInstant, type Instant } from '../../../domain/core/instants.ts';
import { parseBound, parsePlace } from '../../../projections/audit/history/requests.ts';

export type Address = Readonly<Record<string, string>>;

/** A value of the address that cannot be meant. */
export class InvalidQuery extends Error implements QueryFault {
  override readonly name = 'InvalidQuery';
  readonly field: string;
  readonly value: string;
  readonly kind: QueryFault['kind'];
  constructor({ field, value, kind }: QueryFault) {
    super(`the value of ${field} is not valid`);
    this.field = field;
    this.value = value;
    this.kind = kind;
  }
}

/** Ids and codes are shorter. */
const MAX_TEXT = 256;
/** What a page needs to say of a value that is too long. */
const MAX_SHOWN = 80;

/** An empty text is no text. */
export function textIn(address: Address, field: string): string | undefined {
  const text = address[field]?.trim() ?? '';
  if (text.length > MAX_TEXT) throw invalid(field, text, 'long');
  return text || undefined;
}

export function choiceIn<T extends string>(
  address: Address,
  field: string,
  choices: readonly T[],
): T | undefined {
  return meant(address, field, 'choice', (text) => choices.find((choice) => choice === text));
}

/** RFC 3339, or a date, which is its beginning in UTC. */
export function boundIn(address: Address, field: string): Instant | undefined {
  return meant(address, field, 'time', parseBound);
}

export function instantIn(address: Address, field: string): Instant | undefined {
  return meant(address, field, 'time', (text) => {
    const parsed = parseInstant(text);
    return parsed.ok ? parsed.value : undefined;
  });
}

/** A place in the list of requests, as its text. */
export function placeIn(address: Address, field: string): string | undefined {
  return meant(address, field, 'place', (text) => (parsePlace(text) ? text : undefined));
}

/** The number of a row or of an event of a stream. */
export function numberIn(address: Address, field: string): bigint | undefined {
  return meant(address, field, 'place', (text) =>
    /^\d{1,15}$/.test(text) ? BigInt(text) : undefined,
  );
}

/** @param parse gives `undefined` for a text that cannot be meant */
export function meant<T>(
  address: Address,
  field: string,
  kind: QueryFault['kind'],
  parse: (text: string) => T | undefined,
): T | undefined {
  const text = textIn(address, field);
  if (text === undefined) return undefined;
  const parsed = parse(text);
  if (parsed === undefined) throw invalid(field, text, kind);
  return parsed;
}

function invalid(field: string, text: string, kind: QueryFault['kind']): InvalidQuery {
  return new InvalidQuery({ field, kind, value: text.slice(0, MAX_SHOWN) });
}
