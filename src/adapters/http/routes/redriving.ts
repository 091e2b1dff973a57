// The endpoint that redrives all deliveries that match a filter, and the filter of deliveries.
import { z } from 'zod';
import { parseInstant, type Instant } from '../../../domain/core/instants.ts';
import { ChannelSchema } from '../../../domain/core/vocabulary.ts';
import { DELIVERY_STATUSES } from '../../../domain/delivery/effects.ts';
import type { Deliveries } from '../../../kernel/deliveries.ts';
import type { RedriveCounts } from '../../../kernel/processes/delivery/redrive-matching.ts';
import { NO_QUERY, answer, ofAny, success, type Endpoint } from '../endpoint/endpoint.ts';
import { InstantText, Reason } from '../endpoint/shapes.ts';

export const DELIVERIES_PATH = '/api/v1/notification/deliveries';

const Code = z.string().regex(/^[a-z0-9_]{1,64}$/, { error: 'must be a code of a-z 0-9 _' });

export const Where = {
  channel: ChannelSchema.optional(),
  /** Why the deliveries have their status. */
  reason: Code.optional(),
  /** Only deliveries that have had their status since then, or since a later time. */
  since: InstantText.optional(),
};

export const GroupShape = z.object({
  status: z.enum(DELIVERY_STATUSES),
  channel: z.string(),
  reason: z.string().nullable(),
  count: z.int(),
});

const REDRIVABLE = ['dead', 'skipped'] as const;

/** Fits into the deadline at the default rate. */
const MAX_REDRIVES = 40;
const REDRIVE_MS = 5_000;

const RedriveBody = z.strictObject({
  filter: z.strictObject({ status: z.enum(REDRIVABLE), ...Where }),
  reason: Reason,
  dry_run: z.boolean().default(false),
  before: z.int().min(1).optional(),
  limit: z.int().min(1).max(MAX_REDRIVES).default(MAX_REDRIVES),
});

const RedrivenShape = z.object({
  dry_run: z.boolean(),
  matched: z.int(),
  redriven: z.int(),
  refused: z.record(z.string(), z.int()),
  groups: z.array(GroupShape.omit({ status: true })),
  notification_ids: z.array(z.string()),
  refused_ids: z.array(z.object({ notification_id: z.string(), code: z.string() })),
  next_before: z.int().optional(),
});

export function redriveMatching(deliveries: Deliveries): Endpoint {
  return ofAny({
    method: 'post',
    path: `${DELIVERIES_PATH}/redrive`,
    operationId: 'redriveDeliveries',
    summary: 'Send dead or skipped notifications that match a filter again, some per call',
    scope: 'delivery:redrive',
    query: NO_QUERY,
    body: RedriveBody,
    answers: success(
      'What was redriven; `next_before` is the `before` of the next call, absent when none is left',
      RedrivenShape,
    ),
    problems: [],
    deadlineMs: 8_000,
    async handle({ userId, body, actor, signal }) {
      const { filter, dry_run: dryRun, ...call } = body;
      // What was redriven until then is answered before the deadline.
      const stop = AbortSignal.any([signal, AbortSignal.timeout(REDRIVE_MS)]);
      const counts = await deliveries.redriveMatching(
        { ...filter, since: instantOf(filter.since), userId },
        { ...call, dryRun, actor, signal: stop },
      );
      return answer(200, { dry_run: dryRun, ...redrivenOf(counts) });
    },
  });
}

function redrivenOf({ first, firstRefused, nextBefore, ...counts }: RedriveCounts): object {
  return {
    ...counts,
    notification_ids: first,
    refused_ids: firstRefused.map(({ notificationId, code }) => ({
      notification_id: notificationId,
      code,
    })),
    next_before: nextBefore,
  };
}

/** The schema has checked the text. */
export function instantOf(text: string | undefined): Instant | undefined {
  const parsed = text === undefined ? undefined : parseInstant(text);
  return parsed?.ok === true ? parsed.value : undefined;
}
