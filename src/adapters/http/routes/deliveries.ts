// The endpoints of deliveries: list, count, get and redrive.
import { z } from 'zod';
import { emitId } from '../../../domain/core/identity.ts';
import { DELIVERY_STATUSES } from '../../../domain/delivery/effects.ts';
import { formatInstant } from '../../../domain/core/instants.ts';
import type { Deliveries, DeliveryHistoryEvent, DeliveryView } from '../../../kernel/deliveries.ts';
import type { DeliveryRow } from '../../../kernel/processes/delivery/delivery-index.ts';
import {
  NO_BODY,
  NO_QUERY,
  answer,
  ofAny,
  refuse,
  rejected,
  success,
  type Endpoint,
} from '../endpoint/endpoint.ts';
import {
  DELIVERIES_PATH as base,
  GroupShape,
  instantOf,
  redriveMatching,
  Where,
} from './redriving.ts';
import { IdShape, InstantShape, Reason } from '../endpoint/shapes.ts';

const DeliveryShape = z.object({
  notification_id: z.string(),
  user_id: IdShape,
  trigger_type: z.string(),
  channel: z.string(),
  trigger_id: z.string(),
  preview_id: z.string(),
  status: z.enum(DELIVERY_STATUSES),
  attempts: z.int(),
  reason: z.string().nullable(),
  due_at: InstantShape.nullable(),
  requested_at: InstantShape,
  expires_at: InstantShape,
  changed_at: InstantShape,
});

const StepShape = z.object({
  type: z.string(),
  recorded_at: InstantShape,
  attempt: z.int().optional(),
  code: z.string().optional(),
  next_at: InstantShape.optional(),
});

const MAX_LIMIT = 200;

const ListQuery = z.strictObject({
  status: z
    .enum(DELIVERY_STATUSES, { error: `must be one of ${DELIVERY_STATUSES.join(', ')}` })
    .optional(),
  ...Where,
  before: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(50),
});

const READ_MS = 3_000;

export function deliveryEndpoints(deliveries: Deliveries): readonly Endpoint[] {
  return [
    ofAny({
      method: 'get',
      path: base,
      operationId: 'listDeliveries',
      summary: 'List deliveries, newest first: of one user, or of all users for the service',
      scope: 'delivery:read',
      body: NO_BODY,
      query: ListQuery,
      answers: success(
        'A page of deliveries; `next_before` is the `before` of the next page',
        z.object({ deliveries: z.array(DeliveryShape), next_before: z.int().optional() }),
      ),
      problems: [],
      deadlineMs: READ_MS,
      handle({ userId, query }) {
        const rows = deliveries.list({ ...query, since: instantOf(query.since), userId });
        const last = rows.length === query.limit ? rows.at(-1) : undefined;
        const page = { deliveries: rows.map(rowOf), next_before: last?.number };
        return Promise.resolve(answer(200, page));
      },
    }),
    ofAny({
      method: 'get',
      path: `${base}/summary`,
      operationId: 'summarizeDeliveries',
      summary: 'Count deliveries by status, channel and reason, the largest groups first',
      scope: 'delivery:read',
      body: NO_BODY,
      query: ListQuery.pick({ status: true, channel: true, reason: true, since: true }),
      answers: success(
        'At most 1,000 groups of deliveries',
        z.object({ groups: z.array(GroupShape) }),
      ),
      problems: [],
      deadlineMs: READ_MS,
      handle({ userId, query }) {
        const groups = deliveries.groups({ ...query, since: instantOf(query.since), userId });
        return Promise.resolve(answer(200, { groups }));
      },
    }),
    redriveMatching(deliveries),
    ofAny({
      method: 'get',
      path: `${base}/{notification_id}`,
      operationId: 'getDelivery',
      summary: 'Get a delivery with all its attempts',
      scope: 'delivery:read',
      query: NO_QUERY,
      body: NO_BODY,
      answers: success('The delivery', DeliveryShape.extend({ steps: z.array(StepShape) })),
      problems: ['not_found'],
      deadlineMs: READ_MS,
      async handle({ params, userId }) {
        const view = await deliveries.get(params['notification_id'] ?? '', userId);
        return view === undefined ? noDelivery() : answer(200, viewOf(view));
      },
    }),
    ofAny({
      method: 'post',
      path: `${base}/{notification_id}/redrive`,
      operationId: 'redriveDelivery',
      summary: 'Send a dead or skipped notification again before its expiry',
      scope: 'delivery:redrive',
      query: NO_QUERY,
      body: z.strictObject({ reason: Reason }),
      answers: success(
        'The notification will be sent again',
        z.object({ redriven: z.literal(true) }),
      ),
      problems: ['not_found', 'already_delivered', 'under_way', 'expired'],
      deadlineMs: 8_000,
      async handle({ params, userId, body, actor }) {
        const id = params['notification_id'] ?? '';
        const result = await deliveries.redrive(id, userId, { ...body, actor });
        if (result.outcome === 'redriven') return answer(200, { redriven: true });
        if (result.outcome === 'not_found') return noDelivery();
        return rejected(result);
      },
    }),
  ];
}

const noDelivery = () => refuse('not_found', 'No delivery has that id.');

function rowOf(row: DeliveryRow): object {
  return {
    notification_id: row.notificationId,
    user_id: emitId(row.userId),
    trigger_type: row.triggerType,
    channel: row.channel,
    trigger_id: row.triggerId,
    preview_id: row.previewId,
    status: row.status,
    attempts: row.attempts,
    reason: row.reason,
    due_at: row.dueAt === null ? null : formatInstant(row.dueAt),
    requested_at: formatInstant(row.requestedAt),
    expires_at: formatInstant(row.expiresAt),
    changed_at: formatInstant(row.changedAt),
  };
}

function viewOf({ events, ...row }: DeliveryView): object {
  return { ...rowOf(row), steps: events.map(stepOf) };
}

/** Codes only: the owner of an address must not read the details that its provider answers. */
function stepOf({ event, recordedAt }: DeliveryHistoryEvent): object {
  const { data } = event;
  const code = 'code' in data ? data.code : 'reason' in data ? data.reason : undefined;
  const next = 'nextAt' in data ? data.nextAt : 'until' in data ? data.until : undefined;
  return {
    type: event.type,
    recorded_at: formatInstant(recordedAt),
    attempt: 'attempt' in data ? data.attempt : undefined,
    code,
    next_at: next === undefined ? undefined : formatInstant(next),
  };
}
