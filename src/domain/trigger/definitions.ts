// Trigger types, as the embedder defines them.
import type { z } from 'zod';
import { DEFAULT_WINDOW_MS } from '../core/windows.ts';
import { TocsinError } from '../core/errors.ts';
import { TriggerTypeSchema, type CHANNELS } from '../core/vocabulary.ts';

/** What the kernel must know about a trigger type. */
export type TriggerDefinition = {
  /** `[a-z0-9_]{1,64}` */
  readonly type: string;
  /** Checks the payload; absent, any JSON up to 32 KiB. Its output is not used: what came is kept. */
  readonly payload?: z.ZodType;
  /** The trigger's dedupe scope: a target within a window, or a feedback (see `scopeOf`). */
  readonly scope: 'target' | 'feedback';
  /** Length of the trigger's dedupe window in milliseconds, 1 to 365 days. */
  readonly windowMs: number;
  /** The channel of notifications whose evaluation names none. */
  readonly channel: (typeof CHANNELS)[number];
  /** Site-relative path that a notification of this type leads to. */
  readonly link: (previewId: string) => string;
};

const MAX_WINDOW_MS = 365 * 24 * 60 * 60 * 1000;

/**
 * Defines a trigger type.
 *
 * @param definition.scope default `target`
 * @param definition.windowMs default 30 minutes
 * @throws TocsinError `invalid_trigger_type` for a name or window that is out of range
 */
export function defineTrigger(
  definition: Omit<TriggerDefinition, 'scope' | 'windowMs'> &
    Partial<Pick<TriggerDefinition, 'scope' | 'windowMs'>>,
): TriggerDefinition {
  const complete = { scope: 'target' as const, windowMs: DEFAULT_WINDOW_MS, ...definition };
  const { type, windowMs } = complete;
  const inRange = Number.isInteger(windowMs) && windowMs >= 1 && windowMs <= MAX_WINDOW_MS;
  if (!TriggerTypeSchema.safeParse(type).success || !inRange) {
    throw new TocsinError('usage', 'invalid_trigger_type', `trigger type ${JSON.stringify(type)}`, {
      hint: 'Use 1 to 64 characters of a-z 0-9 _ and a window of 1 ms to 365 days.',
    });
  }
  return complete;
}
