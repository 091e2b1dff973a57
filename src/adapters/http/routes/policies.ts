// The endpoints of policies: show the policies in force, mute and unmute.
import { z } from 'zod';
import { TypeOrAnySchema } from '../../../domain/control/events.ts';
import { formatInstant, parseInstant } from '../../../domain/core/instants.ts';
import { formatPolicy } from '../../../domain/policy/text.ts';
import type { Kernel } from '../../../kernel/open-kernel.ts';
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
