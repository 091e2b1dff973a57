// Trigger types: the seed's two are built in, an embedder registers more.
import type { z } from 'zod';
import { DEFAULT_WINDOW_MS } from '../core/windows.ts';
import { TocsinError } from '../core/errors.ts';
import { TriggerTypeSchema } from './events.ts';

/** What the kernel must know about a trigger type. */
export type TriggerDefinition = {
  /** `[a-z0-9_]{1,64}` */
  readonly type: string;
  /** Checks the payload; absent, any JSON up to 32 KiB. Its output is not used: what came is kept. */
  readonly payload?: z.ZodType;
  /** What one dedupe scope is: a target within a window, or a feedback (see `scopeOf`). */
  readonly scope: 'target' | 'feedback';
  /** Length of the trigger's dedupe window in milliseconds, 1 to 365 days. */
  readonly windowMs: number;
  /** Site-relative path that a notification of this type leads to. */
  readonly link: (previewId: string) => string;
};

const link = (previewId: string): string => `/schedule-adjust/${previewId}`;

/** The seed's trigger types. */
export const BUILT_IN_TRIGGERS: readonly TriggerDefinition[] = [
  { type: 'important_urgent_task', scope: 'target', windowMs: DEFAULT_WINDOW_MS, link },
  { type: 'unfinished_feedback', scope: 'feedback', windowMs: DEFAULT_WINDOW_MS, link },
];

const MAX_WINDOW_MS = 365 * 24 * 60 * 60 * 1000;

/**
 * Describes a trigger type of the embedder's own, with the seed's window and link unless given.
 *
 * @throws TocsinError `invalid_trigger_type` for a name or window that is out of range
 */
export function defineTrigger(
  definition: Pick<TriggerDefinition, 'type'> & Partial<TriggerDefinition>,
): TriggerDefinition {
  const complete = { scope: 'target' as const, windowMs: DEFAULT_WINDOW_MS, link, ...definition };
  const { type, windowMs } = complete;
  const inRange = Number.isInteger(windowMs) && windowMs >= 1 && windowMs <= MAX_WINDOW_MS;
  if (!TriggerTypeSchema.safeParse(type).success || !inRange) {
    throw new TocsinError('usage', 'invalid_trigger_type', `trigger type ${JSON.stringify(type)}`, {
      hint: 'Use 1 to 64 characters of a-z 0-9 _ and a window of 1 ms to 365 days.',
    });
  }
  return complete;
}
