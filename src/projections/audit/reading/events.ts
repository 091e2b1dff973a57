// What an audit asks of any event, also of one that this code cannot read: when, whom and what about.
import { parseInstant, type Instant } from '../../../domain/core/instants.ts';
import { comparePositions, type Position } from '../../../domain/core/positions.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';

/** A place in the log, or a time by the kernel's stamp (`recordedAt`). */
export type Bound = { readonly position: Position } | { readonly time: Instant };

/** At or after the bound. An event whose stamp cannot be read is before every time. */
export function isAfter(recorded: RecordedEvent, bound: Bound): boolean {
  if ('position' in bound) return comparePositions(recorded.position, bound.position) >= 0;
  const at = stampOf(recorded);
  return at !== undefined && at >= bound.time;
}

function stampOf({ metadata }: RecordedEvent): Instant | undefined {
  const text = fieldOf(metadata, 'recordedAt');
  const parsed = typeof text === 'string' ? parseInstant(text) : undefined;
  return parsed?.ok === true ? parsed.value : undefined;
}

export function userOf({ data }: RecordedEvent): unknown {
  return fieldOf(data, 'userId');
}

export function typeOf({ data }: RecordedEvent): unknown {
  return fieldOf(data, 'triggerType');
}

function fieldOf(value: RecordedEvent['data'], name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
