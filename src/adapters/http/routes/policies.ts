// The endpoints of policies: show the policies in force, mute and unmute.
import { z } from 'zod';
import { TypeOrAnySchema } from '../../../domain/control/events.ts';
import { formatInstant, parseInstant } from '../../../domain/core/instants.ts';
import { formatPolicy, parsePolicy } from '../../../domain/policy/text.ts';
import type { Kernel } from '../../../kernel/open-kernel.ts';
import type { PolicyHistoryEntry } from '../../../kernel/control/policy-history.ts';
import type { PolicyResult, PolicyView } from '../../../kernel/control/policies.ts';
import {
  NO_BODY,
  answer,
  ofNone,
  refuse,
  rejected,
  success,
  type Answer,
  type Endpoint,
} from '../endpoint/endpoint.ts';
import { InstantShape, InstantText, Reason } from '../endpoint/shapes.ts';

const base = '/api/v1/notification/policies';

const ChangedShape = z.object({ outcome: z.enum(['changed', 'unchanged']) });
const changed = success('The change applies to later events', ChangedShape);

const InForceShape = z.object({
  policies: z.record(z.string(), z.string()),
  mutes: z.record(z.string(), InstantShape),
});

const ChangeShape = z.object({
  type: z.string(),
  trigger_type: z.string(),
  policy: z.string().optional(),
  until: InstantShape.optional(),
  reason: z.string(),
  actor: z.string().nullable(),
  recorded_at: InstantShape,
  position: z.string(),
});

/** As `tocsin policy set` takes it: `anchored 1h on requestedAt`. */
const PolicyText = z.string().min(1).max(200);

const WRITE_MS = 8_000;

export function policyEndpoints({ policies }: Pick<Kernel, 'policies'>): readonly Endpoint[] {
  return [
    ofNone({
      method: 'get',
      path: base,
      operationId: 'getPolicies',
      summary: 'Get the policies and mutes in force; `*` means all other types',
      scope: 'policy:read',
      body: NO_BODY,
      answers: success('Policies and mutes by trigger type', InForceShape),
      problems: [],
      deadlineMs: 3_000,
      handle: async () => answer(200, inForce(await policies.show())),
    }),
    ofNone({
      method: 'get',
      path: `${base}/history`,
      operationId: 'getPolicyHistory',
      summary: 'List every change of policies and mutes, in order',
      scope: 'policy:read',
      body: NO_BODY,
      answers: success('The changes', z.object({ changes: z.array(ChangeShape) })),
      problems: [],
      deadlineMs: 3_000,
      handle: async () =>
        answer(200, { changes: (await policies.history()).map((entry) => changeOf(entry)) }),
    }),
    ofNone({
      method: 'post',
      path: `${base}/set`,
      operationId: 'setPolicy',
      summary: 'Set the policy of a type, or with `*` of all types without their own',
      scope: 'policy:write',
      body: z.strictObject({ trigger_type: TypeOrAnySchema, policy: PolicyText, reason: Reason }),
      answers: changed,
      problems: [],
      deadlineMs: WRITE_MS,
      async handle({ body: { trigger_type, policy, reason }, actor }) {
        const parsed = parsePolicy(policy);
        if (!parsed.ok) return refuse('invalid_field', messageOf(parsed.error));
        const change = { triggerType: trigger_type, policy: parsed.value, reason };
        return answerOf(await policies.set(change, { actor }));
      },
    }),
    ofNone({
      method: 'post',
      path: `${base}/mute`,
      operationId: 'mute',
      summary:
        'Emergency brake: suppress requests of a type, or of all types with `*`, until a time',
      scope: 'policy:write',
      body: z.strictObject({ trigger_type: TypeOrAnySchema, until: InstantText, reason: Reason }),
      answers: changed,
      problems: [],
      deadlineMs: WRITE_MS,
      async handle({ body: { trigger_type, until, reason }, actor }) {
        const instant = parseInstant(until);
        if (!instant.ok) return refuse('invalid_field', `until ${instant.error}`);
        const wanted = { triggerType: trigger_type, until: new Date(instant.value), reason };
        return answerOf(await policies.mute(wanted, { actor }));
      },
    }),
    ofNone({
      method: 'post',
      path: `${base}/unmute`,
      operationId: 'unmute',
      summary: 'End a mute early',
      scope: 'policy:write',
      body: z.strictObject({ trigger_type: TypeOrAnySchema, reason: Reason }),
      answers: changed,
      problems: [],
      deadlineMs: WRITE_MS,
      handle: async ({ body: { trigger_type, reason }, actor }) =>
        answerOf(await policies.unmute({ triggerType: trigger_type, reason }, { actor })),
    }),
  ];
}

function changeOf(entry: PolicyHistoryEntry): object {
  const { type, data, reason, actor = null, recordedAt, position } = entry;
  return {
    type,
    trigger_type: data.triggerType,
    ...('policy' in data ? { policy: formatPolicy(data.policy) } : {}),
    ...('until' in data ? { until: formatInstant(data.until) } : {}),
    ...{ reason, actor, position },
    recorded_at: formatInstant(recordedAt),
  };
}

function messageOf(issues: readonly { readonly message: string }[]): string {
  return issues.map(({ message }) => message).join('; ');
}

function answerOf(result: PolicyResult): Answer {
  return result.outcome === 'rejected'
    ? rejected(result)
    : answer(200, { outcome: result.outcome });
}

function inForce({ policies, mutes }: PolicyView): object {
  return {
    policies: Object.fromEntries(
      Object.entries(policies).map(([type, policy]) => [type, formatPolicy(policy)]),
    ),
    mutes: Object.fromEntries(
      Object.entries(mutes).map(([type, until]) => [type, formatInstant(until)]),
    ),
  };
}
