// The endpoints of what happened: requests with their verdicts, stories, totals and parked events, as the console shows them.
import { z } from 'zod';
import { formatInstant } from '../../../domain/core/instants.ts';
import { emitId, IdSchema } from '../../../domain/core/identity.ts';
import { DELIVERY_STATUSES } from '../../../domain/delivery/effects.ts';
import { ChannelSchema, NameSchema } from '../../../domain/core/vocabulary.ts';
import type { RequestRow } from '../../../console/pages/notifications.ts';
import type { Parked } from '../../../kernel/parked.ts';
import { minutesModel } from '../console/minutes-model.ts';
import { requestsModel } from '../console/requests-model.ts';
import { isMissing } from '../console/counts.ts';
import { parsePlace } from '../../../projections/audit/history/requests.ts';
import type { ConsoleOptions } from '../console/options.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import {
  NO_BODY,
  NO_QUERY,
  answer,
  ofAll,
  refuse,
  success,
  type Answer,
  type Endpoint,
} from '../endpoint/endpoint.ts';
import { IdShape, InstantShape, InstantText, Reason } from '../endpoint/shapes.ts';
import { instantOf } from './redriving.ts';
import { snakeKeys } from './snake-keys.ts';

const base = '/api/v1/notification';

const VERDICTS = ['published', 'suppressed', 'parked'] as const;

const RequestShape = z.object({
  trigger_id: z.string().nullable(),
  user_id: IdShape.nullable(),
  trigger_type: z.string().nullable(),
  target_type: z.string().nullable(),
  target_id: IdShape.nullable(),
  channel: z.string().nullable(),
  happened_at: InstantShape.nullable(),
  recorded_at: InstantShape.nullable(),
  window_start: InstantShape.nullable(),
  verdict: z.enum(VERDICTS),
  reason: z.string(),
  basis: z.string().nullable(),
  notification_id: z.string().nullable(),
  delivery_status: z.enum(DELIVERY_STATUSES).nullable(),
  position: z.string(),
});

const Code = z.string().regex(/^[a-z0-9_]{1,64}$/, { error: 'must be a code of a-z 0-9 _' });

const ListQuery = z.strictObject({
  user_id: IdSchema.optional(),
  trigger_type: NameSchema.optional(),
  verdict: z.enum(VERDICTS, { error: `must be one of ${VERDICTS.join(', ')}` }).optional(),
  reason: Code.optional(),
  target_type: NameSchema.optional(),
  target_id: IdSchema.optional(),
  channel: ChannelSchema.optional(),
  delivery_status: z
    .enum(DELIVERY_STATUSES, { error: `must be one of ${DELIVERY_STATUSES.join(', ')}` })
    .optional(),
  from: InstantText.optional(),
  to: InstantText.optional(),
  before: z
    .string()
    .max(64)
    .refine((text) => parsePlace(text) !== undefined, { error: 'is no place in the list' })
    .optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

const TotalsShape = z.object({
  position: z.string().nullable(),
  triggered: z.int(),
  published: z.int(),
  suppressed: z.int(),
  parked: z.int(),
  parked_now: z.int(),
  reasons: z.record(z.string(), z.int()),
});

const MinutesShape = z.object({
  minutes: z.array(
    z.object({
      at: InstantShape,
      requests: z.int(),
      published: z.int(),
      suppressed: z.int(),
      delivered: z.int(),
      failed: z.int(),
    }),
  ),
});

const StoryShape = z.looseObject({
  trigger_id: z.string(),
  user_id: z.string(),
  trigger_type: z.string(),
  story: z.array(z.looseObject({ recorded_at: InstantShape, type: z.string(), text: z.string() })),
  sentence: z.string(),
});

const ParkedShape = z.object({
  event: z.string(),
  stream: z.string(),
  revision: z.string(),
  position: z.string(),
  type: z.string(),
  code: z.string(),
  detail: z.string(),
  ruleset: z.int(),
});

/** Fits into the patience of a caller; a page reads a bounded number of events. */
const READ_MS = 5_000;

export type HistoryParts = Pick<ConsoleOptions, 'audit' | 'deliveries'>;

export function historyEndpoints(parts: HistoryParts): readonly Endpoint[] {
  const { audit } = parts;
  const common = { scope: 'console:read', body: NO_BODY, deadlineMs: READ_MS } as const;
  return [
    ofAll({
      ...common,
      method: 'get',
      path: `${base}/requests`,
      operationId: 'listRequests',
      summary: 'List requests for notifications with their verdicts, newest first',
      query: ListQuery,
      answers: success(
        'A page of requests; `next_before` is the `before` of the next page',
        z.object({
          requests: z.array(RequestShape),
          searched: z.int(),
          next_before: z.string().nullable(),
        }),
      ),
      problems: [],
      handle: ({ query }) =>
        unlessMissing(async () => {
          const { limit, ...given } = query;
          const { requests, searched, next } = await requestsModel(parts, addressOf(given), limit);
          const page = { requests: requests.map(requestOf), searched, next_before: next };
          return answer(200, page);
        }),
    }),
    ofAll({
      ...common,
      method: 'get',
      path: `${base}/totals`,
      operationId: 'getTotals',
      summary: 'Count triggers and verdicts since the beginning of the log',
      query: NO_QUERY,
      answers: success('The totals of the projection', TotalsShape),
      problems: [],
      handle: () =>
        unlessMissing(async () => {
          await using opened = await audit();
          const { parkedNow, ...totals } = opened.totals();
          return answer(200, { ...totals, parked_now: parkedNow });
        }),
    }),
    ofAll({
      ...common,
      method: 'get',
      path: `${base}/minutes`,
      operationId: 'getMinutes',
      summary:
        'Count requests and deliveries in each minute of an hour or a day, by default the last',
      query: z.strictObject({
        span: z.enum(['hour', 'day']).default('hour'),
        until: InstantText.optional(),
      }),
      answers: success('The minutes in order; the last is that of `until`', MinutesShape),
      problems: [],
      handle: ({ query }) =>
        unlessMissing(async () => {
          await using opened = await audit();
          const until = instantOf(query.until) ?? Date.now();
          const minutes = minutesModel(opened, parts.deliveries, query.span, until);
          const timed = minutes.map(({ at, ...counts }) => ({ at: formatInstant(at), ...counts }));
          return answer(200, { minutes: timed });
        }),
    }),
    ofAll({
      ...common,
      method: 'get',
      path: `${base}/stories/{id}`,
      operationId: 'getStory',
      summary:
        'Explain a trigger, a preview or a notification: all events, the verdict, a sentence',
      query: z.strictObject({ at: InstantText.optional() }),
      answers: success('The story; `as_of` with `at`', StoryShape),
      problems: ['not_found'],
      handle: ({ params, query }) =>
        unlessMissing(async () => {
          await using opened = await audit();
          const story = await opened.explain(params['id'] ?? '', instantOf(query.at));
          return answer(200, snakeKeys(story));
        }),
    }),
  ];
}

export function parkedEndpoints(parked: Parked): readonly Endpoint[] {
  return [
    ofAll({
      method: 'get',
      path: `${base}/parked`,
      operationId: 'listParked',
      summary: 'List the events that the projection could not process',
      scope: 'console:read',
      query: NO_QUERY,
      body: NO_BODY,
      answers: success('In the order of the log', z.object({ parked: z.array(ParkedShape) })),
      problems: [],
      deadlineMs: READ_MS,
      handle: () =>
        unlessMissing(() => Promise.resolve(answer(200, { parked: parked.list().map(rowOf) }))),
    }),
    ofAll({
      method: 'post',
      path: `${base}/parked/{event}`,
      operationId: 'resolveParked',
      summary: 'Decide a parked event again at the end of the log, or remove it for ever',
      scope: 'console:act',
      query: NO_QUERY,
      body: z.strictObject({ action: z.enum(['retry', 'drop']), reason: Reason }),
      answers: success('The decision is in the log', z.object({ resolved: z.literal(true) })),
      problems: ['not_found'],
      deadlineMs: 8_000,
      handle: ({ params, body, actor }) =>
        unlessMissing(async () => {
          const change = { event: params['event'] ?? '', ...body };
          const { outcome } = await parked.resolve(change, { actor });
          if (outcome === 'not_found') return refuse('not_found', 'No parked event has that id.');
          return answer(200, { resolved: true });
        }),
    }),
  ];
}

function rowOf({
  event,
  stream,
  revision,
  position,
  type,
  code,
  detail,
  ruleset,
}: ReturnType<Parked['list']>[number]): object {
  return { event, stream, revision, position, type, code, detail, ruleset };
}

/** The filters as the address of the console has them. */
function addressOf(query: Omit<z.output<typeof ListQuery>, 'limit'>): Record<string, string> {
  const { user_id, trigger_type, target_id, delivery_status, ...same } = query;
  const renamed = { user: user_id, type: trigger_type, target: target_id, status: delivery_status };
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...same, ...renamed })) {
    if (value !== undefined) given[name] = value;
  }
  return given;
}

function requestOf(row: RequestRow): object {
  return {
    trigger_id: row.triggerId,
    user_id: row.userId === null ? null : emitId(row.userId),
    trigger_type: row.triggerType,
    target_type: row.targetType,
    target_id: row.targetId === null ? null : emitId(row.targetId),
    channel: row.channel,
    happened_at: row.happenedAt,
    recorded_at: row.recordedAt,
    window_start: row.windowStart,
    verdict: row.verdict,
    reason: row.reason,
    basis: row.basis,
    notification_id: row.notificationId,
    delivery_status: row.status,
    position: row.position,
  };
}

async function unlessMissing(read: () => Promise<Answer>): Promise<Answer> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof TocsinError && error.code === 'not_found') {
      return refuse('not_found', 'No trigger, preview or notification has that id.');
    }
    if (!isMissing(error)) throw error;
    const detail = 'The projection has made no read model yet; try again.';
    return refuse('unavailable', detail, { retryAfter: 1 });
  }
}
