// Dedupe policies: what they are, and what is refused when somebody sets one. How they decide is in
// windows.ts and decide.ts.
import { z } from 'zod';
import { formatDuration } from '../core/durations.ts';
import { err, ok, type Result } from '../core/result.ts';
import { issuesOf, type Issue } from '../core/input.ts';
import { DEFAULT_WINDOW_MS } from '../core/windows.ts';

/** Which of a request's two instants counts: the producer's claim, or the kernel's stamp. */
export const AXES = ['requestedAt', 'recordedAt'] as const;

export type Axis = (typeof AXES)[number];

/** Stored policies are read with the widest of limits: what was in force stays readable. */
const StoredMs = z.int().min(1);

const stored = {
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
]);

/** A dedupe policy: which notices keep a request from being let through. */
export type Policy = z.output<typeof PolicySchema>;

/** The seed's rule, in force where no policy was set. */
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
  'is required: as long as triggers come closer together than the gap a session goes on, so without a ' +
  'maximum a steady stream of them would never be told again';

/** A length of time; `missing` is what is said where there is none. */
const length = (missing = 'is required') =>
  z
    .int({ error: ({ input }) => (input === undefined ? missing : RANGE) })
    .min(MIN_MS, { error: RANGE })
    .max(MAX_MS, { error: RANGE });

const count = (most: number) => {
  const error = `must be a whole number from 1 to ${most}`;
  return z.int({ error }).min(1, { error }).max(most, { error });
};

const common = (axis: Axis) => ({
  axis: z.enum(AXES, { error: `must be one of ${AXES.join(', ')}` }).default(axis),
  staleAfterMs: length().optional(),
  bypasses: count(MAX_BYPASSES).optional(),
});

const PHASE = 'must be keyHash or a whole number of milliseconds from 0 to below the window';

/** A policy as somebody sets it, with its defaults. */
export const PolicyInputSchema = z.discriminatedUnion(
  'kind',
  [
    z
      .strictObject({
        kind: z.literal('tumbling'),
        windowMs: length(),
        phase: z.union([z.literal('keyHash'), z.int().min(0)], { error: PHASE }).default(0),
        ...common('requestedAt'),
      })
      .refine(({ phase, windowMs }) => phase === 'keyHash' || phase < windowMs, {
        path: ['phase'],
        error: PHASE,
      }),
    z.strictObject({ kind: z.literal('anchored'), windowMs: length(), ...common('recordedAt') }),
    z.strictObject({
      kind: z.literal('rolling'),
      count: count(MAX_COUNT),
      windowMs: length(),
      ...common('recordedAt'),
    }),
    z
      .strictObject({
        kind: z.literal('session'),
        gapMs: length(),
        maxMs: length(SESSION_NEEDS_MAX),
        ...common('recordedAt'),
      })
      .refine(({ gapMs, maxMs }) => maxMs > gapMs, {
        path: ['maxMs'],
        error:
          'must be larger than the gap: a shorter one ends every session before its gap has passed',
      }),
  ],
  { error: 'must be one of tumbling, anchored, rolling, session' },
);

/** {@link PolicyInputSchema} before it is checked. */
export type PolicyInput = z.input<typeof PolicyInputSchema>;

/** Checks a policy from outside and fills in its defaults. */
export function checkPolicy(input: unknown): Result<Policy, readonly Issue[]> {
  const parsed = PolicyInputSchema.safeParse(input);
  if (parsed.success) return ok(parsed.data);
  const unknown = 'is not a part of this kind of policy';
  return err(issuesOf(parsed.error, { whole: 'policy', unknown }));
}
