// The form of the names that an embedder chooses: trigger types, sources, target types and channels.
import { z } from 'zod';

const NAME = /^[a-z0-9_]{1,64}$/;
const CHANNEL = /^[a-z0-9_]{1,32}$/;

/** A trigger type, a source or a target type. */
export const NameSchema = z
  .string()
  .regex(NAME, { error: 'must be 1 to 64 characters of a-z 0-9 _' });

export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

export const ChannelSchema = z
  .string()
  .regex(CHANNEL, { error: 'must be 1 to 32 characters of a-z 0-9 _' });

export function isChannel(value: unknown): value is string {
  return typeof value === 'string' && CHANNEL.test(value);
}

/**
 * The contracts of the messages of raised triggers: the general one, and that of the system that Tocsin replaces. Both
 * have the same data.
 */
export const RAISED_CONTRACTS = ['trigger.raised', 'active_schedule.triggered'] as const;

export type RaisedContract = (typeof RAISED_CONTRACTS)[number];

export const DEFAULT_RAISED_CONTRACT: RaisedContract = 'trigger.raised';

/** A stable code in snake_case: why something failed, or what kind of thing it is. */
export const CodeSchema = z.string().regex(NAME, { error: 'is not a code of a-z 0-9 _' });
