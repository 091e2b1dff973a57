// The endpoints that read the whole log: a simulation, and the proof of a story. Few run at a time, and each ends at its
// deadline.
import { z } from 'zod';
import { TypeOrAnySchema } from '../../../domain/control/events.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import { DEFAULT_POLICY, AXES, type Policy } from '../../../domain/policy/policy.ts';
import { parsePolicy } from '../../../domain/policy/text.ts';
import { axisOf } from '../../../domain/policy/windows.ts';
import { simulationDocument } from '../../../projections/audit/simulate/document.ts';
import { DEFAULT_PER_MINUTE } from '../../../projections/audit/simulate/simulate.ts';
import { makeProof, type ProofParts } from '../console/proof-model.ts';
import {
  NO_BODY,
  answer,
  ofNone,
  refuse,
  success,
  type Answer,
  type Endpoint,
} from '../endpoint/endpoint.ts';
import { snakeKeys } from './snake-keys.ts';

const base = '/api/v1/notification';

const LONG_MS = 60_000;
/** They share the process with the raises. */
const MAX_RUNNING = 2;
const MAX_POLICIES = 64;

const PolicySchema = z
  .string()
  .max(200)
  .transform((text, check): Policy => {
    const parsed = parsePolicy(text);
    if (parsed.ok) return parsed.value;
    for (const { message } of parsed.error) check.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

const Policies = z
  .record(TypeOrAnySchema, PolicySchema)
  .refine((policies) => Object.keys(policies).length <= MAX_POLICIES, {
    error: `must have at most ${MAX_POLICIES} types`,
  });

const SimulationBody = z.strictObject({
  /** Policies by trigger type, `*` for all types, as `tocsin policy set` takes them. */
  policies: Policies.refine((policies) => Object.keys(policies).length > 0, {
    error: 'must name a policy',
  }),
  /** Policies to compare with. Default: those of the log. */
  against: Policies.optional(),
  axis: z.enum(AXES, { error: `must be one of ${AXES.join(', ')}` }).optional(),
  limit_per_minute: z.int().min(1).max(1_000_000).default(DEFAULT_PER_MINUTE),
});

const SideShape = z.looseObject({
  published: z.int(),
  suppressed: z.int(),
  parked: z.int(),
  users_notified: z.int(),
});

const SimulationShape = z.looseObject({
  events: z.int(),
  requests: z.int(),
  newly_sent: z.int(),
  newly_suppressed: z.int(),
  before: SideShape,
  after: SideShape,
  days: z.array(z.object({ day: z.string(), before: z.int(), after: z.int() })),
});

const ProofShape = z.looseObject({ format: z.string(), about: z.string() });

export function longAuditEndpoints(parts: ProofParts): readonly Endpoint[] {
  const { audit, notary } = parts;
  const few = fewAtATime();
  const simulation = ofNone({
    method: 'post',
    path: `${base}/simulations`,
    operationId: 'simulatePolicies',
    summary: 'Decide the history again under other policies, and compare; nothing is changed',
    scope: 'console:read',
    body: SimulationBody,
    answers: success('Both histories in figures, and the first difference', SimulationShape),
    problems: [],
    deadlineMs: LONG_MS,
    handle: ({ body, signal }) =>
      few(signal, async (progress) => {
        const policies = new Map(Object.entries(body.policies));
        const against = body.against && new Map(Object.entries(body.against));
        const [first = DEFAULT_POLICY] = policies.values();
        const { axis = axisOf(first), limit_per_minute: limitPerMinute } = body;
        await using opened = await audit();
        const asked = { policies, axis, limitPerMinute, progress };
        const result = await opened.simulate({ ...asked, ...(against && { against }) });
        const sides = { before: against, after: policies };
        return snakeKeys(simulationDocument(result, sides, axis, limitPerMinute));
      }),
  });
  if (notary === undefined) return [simulation];
  return [
    simulation,
    ofNone({
      method: 'get',
      path: `${base}/stories/{id}/proof`,
      operationId: 'getProof',
      summary: 'Prove a story under the newest signed head, without personal data',
      scope: 'console:read',
      body: NO_BODY,
      answers: success('The proof, as `tocsin verify-proof` takes it', ProofShape),
      problems: ['not_found'],
      deadlineMs: LONG_MS,
      handle: ({ params, signal }) =>
        few(signal, (progress) => makeProof(parts, params['id'] ?? '', progress)),
    }),
  ];
}

type Progress = () => void;

/** Runs work that reports its progress: the report ends it after the deadline, or when the caller's time is over. */
function fewAtATime() {
  let running = 0;
  return async (
    signal: AbortSignal,
    work: (progress: Progress) => Promise<object>,
  ): Promise<Answer> => {
    if (running >= MAX_RUNNING) {
      const detail = `${MAX_RUNNING} audits run already. Wait for one to end.`;
      return refuse('rate_limited', detail, { retryAfter: 5 });
    }
    const stop = AbortSignal.any([signal, AbortSignal.timeout(LONG_MS)]);
    running += 1;
    try {
      return answer(
        200,
        await work(() => {
          stop.throwIfAborted();
        }),
      );
    } catch (error) {
      if (stop.aborted) {
        return refuse('unavailable', 'The log is too long for one request. Use the command line.');
      }
      const detail = error instanceof TocsinError ? NOT_THERE.get(error.code) : undefined;
      if (detail === undefined) throw error;
      return refuse('not_found', detail);
    } finally {
      running -= 1;
    }
  };
}

const NO_HEAD = 'No signed head covers it yet. Wait for the next head of the notary.';

/** The id leads nowhere, or no head covers its story. */
const NOT_THERE: ReadonlyMap<string, string> = new Map([
  ['not_found', 'No trigger, preview or notification has that id.'],
  ['not_in_head', NO_HEAD],
  ['no_head', NO_HEAD],
]);
