// Dedupe policies: their schema in the log, and the validation of new ones. The decisions are in decide.ts
// and windows.ts.
import { z } from 'zod';
import { formatDuration } from '../core/durations.ts';
import { err, ok, type Result } from '../core/result.ts';
import { issuesOf, type Issue } from '../core/input.ts';
import { DEFAULT_WINDOW_MS } from '../core/windows.ts';
import { PER } from './per.ts';

/** The instant of a request that counts: the producer's `requestedAt` or the kernel's `recordedAt`. */
export const AXES = ['requestedAt', 'recordedAt'] as const;

export type Axis = (typeof AXES)[number];

/** Stored policies have the widest limits, so that a policy of an earlier version stays readable. */
const StoredMs = z.int().min(1);

const stored = {
  /** Absent: `user`. */
  per: z.enum(PER).optional(),
  axis: z.enum(AXES),
  staleAfterMs: StoredMs.optional(),
  bypasses: z.int().min(1).optional(),
};

/** A policy as the log holds it. */
export const PolicySchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('tumbling'),
    windowMs: StoredMs,
    phase: z.union([z.literal('keyHash'), z.int().min(0)]),
    ...stored,
  }),
  z.object({ kind: z.literal('anchored'), windowMs: StoredMs, ...stored }),
  z.object({ kind: z.literal('rolling'), count: z.int().min(1), windowMs: StoredMs, ...stored }),
  z.object({ kind: z.literal('session'), gapMs: StoredMs, maxMs: StoredMs, ...stored }),
  z.object({ kind: z.literal('none'), staleAfterMs: StoredMs.optional() }),
]);

/** A dedupe policy: which earlier notifications suppress a request. */
export type Policy = z.output<typeof PolicySchema>;

/** A policy with windows: every kind but `none`. */
export type WindowPolicy = Exclude<Policy, { readonly kind: 'none' }>;

export const DEFAULT_POLICY: Policy = {
  kind: 'tumbling',
  windowMs: DEFAULT_WINDOW_MS,
  phase: 0,
  axis: 'requestedAt',
};

const MIN_MS = 1_000;
const MAX_MS = 366 * 24 * 60 * 60 * 1000;
const MAX_COUNT = 1_000;
const MAX_BYPASSES = 100;

const RANGE = `must be a whole number of milliseconds from ${MIN_MS} to ${MAX_MS} (${formatDuration(MIN_MS)} to ${formatDuration(MAX_MS)})`;

export const SESSION_NEEDS_MAX =
  'is required: a session goes on while requests come closer together than the gap, so without a maximum ' +
  'a steady stream of requests would be suppressed for ever';

/** A duration in milliseconds; `missing` is the error for an absent one. */
const durationMs = (missing = 'is required') =>
  z
    .int({ error: ({ input }) => (input === undefined ? missing : RANGE) })
    .min(MIN_MS, { error: RANGE })
    .max(MAX_MS, { error: RANGE });

const count = (most: number) => {
  const error = `must be a whole number from 1 to ${most}`;
  return z.int({ error }).min(1, { error }).max(most, { error });
};

const common = (axis: Axis) => ({
  per: z
    .enum(PER, { error: `must be one of ${PER.join(', ')}` })
    // One form per meaning: the default is not stored.
    .transform((per) => (per === 'target' ? per : undefined))
    .optional(),
  axis: z.enum(AXES, { error: `must be one of ${AXES.join(', ')}` }).default(axis),
  staleAfterMs: durationMs().optional(),
  bypasses: count(MAX_BYPASSES).optional(),
});

const PHASE = 'must be keyHash or a whole number of milliseconds from 0 to below the window';

/** A policy as input, with its defaults. */
export const PolicyInputSchema = z.discriminatedUnion(
  'kind',
  [
    z
      .strictObject({
        kind: z.literal('tumbling'),
        windowMs: durationMs(),
        phase: z.union([z.literal('keyHash'), z.int().min(0)], { error: PHASE }).default(0),
        ...common('requestedAt'),
      })
      .refine(({ phase, windowMs }) => phase === 'keyHash' || phase < windowMs, {
        path: ['phase'],
        error: PHASE,
      }),
    z.strictObject({
      kind: z.literal('anchored'),
      windowMs: durationMs(),
      ...common('recordedAt'),
    }),
    z.strictObject({
      kind: z.literal('rolling'),
      count: count(MAX_COUNT),
      windowMs: durationMs(),
      ...common('recordedAt'),
    }),
    z
      .strictObject({
        kind: z.literal('session'),
        gapMs: durationMs(),
        maxMs: durationMs(SESSION_NEEDS_MAX),
        ...common('recordedAt'),
      })
      .refine(({ gapMs, maxMs }) => maxMs > gapMs, {
        path: ['maxMs'],
        error: 'must be larger than the gap, or every session ends before its gap has passed',
      }),
    // Without a window there is nothing to divide, to measure or to bypass.
    z.strictObject({ kind: z.literal('none'), staleAfterMs: durationMs().optional() }),
  ],
  {
    error: ({ input }) =>
      typeof input === 'object' && input !== null && !Array.isArray(input)
        ? 'must be one of tumbling, anchored, rolling, session, none'
        : 'must be an object, such as { kind: "anchored", windowMs: 604800000 }',
  },
);

/** {@link PolicyInputSchema} before it is checked. */
export type PolicyInput = z.input<typeof PolicyInputSchema>;

export function checkPolicy(input: unknown): Result<Policy, readonly Issue[]> {
  const parsed = PolicyInputSchema.safeParse(input);
  if (parsed.success) return ok(parsed.data);
  const unknown = 'is not a part of this kind of policy';
  return err(issuesOf(parsed.error, { whole: 'policy', unknown }));
}
