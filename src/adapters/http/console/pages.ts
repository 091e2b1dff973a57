// The pages that only read: each makes its model from the parts and renders it.
import type { Hono } from 'hono';
import { z } from 'zod';
import { jobPage } from '../../../console/pages/audit.ts';
import { auditPage } from '../../../console/pages/audit.ts';
import { deliveriesPage } from '../../../console/pages/deliveries.ts';
import { nowPage, type NowModel } from '../../../console/pages/now.ts';
import { notificationsPage } from '../../../console/pages/notifications.ts';
import { parkedEventPage, parkedPage } from '../../../console/pages/parked.ts';
import { policiesPage } from '../../../console/pages/policies.ts';
import { storyPage } from '../../../console/pages/story.ts';
import { streamsPage } from '../../../console/pages/streams.ts';
import { userPage } from '../../../console/pages/user.ts';
import { storyPath, userPath } from '../../../console/markup.ts';
import { parseInstant } from '../../../domain/core/instants.ts';
import { isUuid, parseOccurrenceId, DEFAULT_KERNEL_NAME } from '../../../domain/core/ids.ts';
import { DELIVERY_STATUSES } from '../../../domain/delivery/effects.ts';
import { parseBound } from '../../../projections/audit/history/requests.ts';
import { problem, show, type Env } from './respond.ts';
import { deliveryCounts, isMissing } from './counts.ts';
import type { Jobs } from './jobs.ts';
import { streamsModel } from './streams-model.ts';
import { requestsModel } from './requests-model.ts';
import { QueryText } from './query-text.ts';
import { userModel } from './user-model.ts';
import type { ConsoleOptions } from './options.ts';
import type { Pulse } from './pulse.ts';

export type PageParts = ConsoleOptions & { readonly jobs: Jobs; readonly pulse: Pulse };

const PAGE = 50;

export function pageRoutes(app: Hono<Env>, parts: PageParts): void {
  const { audit, deliveries, kernel, types = [], jobs, pulse } = parts;

  app.get('/', async (context) =>
    show(context, nowPage(context.get('view'), await nowModel(parts, context.req.query('span')))),
  );
  app.get('/now.json', async (context) =>
    context.json(await nowModel(parts, context.req.query('span'))),
  );
  app.get('/live', (context) => {
    const stream = pulse.listen();
    if (stream === undefined) return context.text('too many open pages', 503);
    return context.body(stream, 200, { 'content-type': 'text/event-stream; charset=utf-8' });
  });
  app.get('/find', (context) => {
    const view = context.get('view');
    const wanted = (context.req.query('q') ?? '').trim();
    const isStory =
      isUuid(wanted) || parseOccurrenceId(parts.name ?? DEFAULT_KERNEL_NAME, wanted) !== undefined;
    if (wanted === '') return context.redirect(`${view.base}/notifications`, 303);
    return context.redirect(isStory ? storyPath(view, wanted) : userPath(view, wanted), 303);
  });
  app.get('/notifications', async (context) => {
    const model = await requestsModel(parts, context.req.query(), PAGE);
    return show(context, notificationsPage(context.get('view'), { ...model, types }));
  });
  app.get('/notifications.json', async (context) =>
    context.json(await requestsModel(parts, context.req.query(), PAGE)),
  );
  app.get('/story/:id', async (context) => {
    const at = context.req.query('at');
    const instant = at === undefined || at === '' ? undefined : parseInstant(at);
    const { texts } = context.get('view');
    if (instant?.ok === false)
      return problem(context, 404, texts.problem.invalid, `${at} ${instant.error}`);
    await using opened = await audit();
    const explanation = await opened.explain(context.req.param('id'), instant?.value);
    const id = explanation.decision?.notificationId ?? undefined;
    const delivery = id === undefined ? undefined : deliveryOf(id);
    return await show(
      context,
      storyPage(context.get('view'), { explanation, delivery, hasProof: false }),
    );
  });
  app.get('/story/:id/story.json', async (context) => {
    await using opened = await audit();
    context.header('content-disposition', 'attachment; filename="story.json"');
    return context.json(await opened.explain(context.req.param('id')));
  });
  app.get('/users/:user', async (context) => {
    const model = await userModel(parts, context.req.param('user'), context.req.query());
    return show(context, userPage(context.get('view'), model));
  });
  app.get('/policies', async (context) => {
    const [inForce, history] = [await kernel.policies.show(), await kernel.policies.history()];
    return show(context, policiesPage(context.get('view'), { inForce, history, types }));
  });
  app.get('/deliveries', async (context) => {
    const filter = DeliveryQuery.parse(context.req.query());
    const { status, user, channel, reason } = filter;
    const where = { userId: user, status, channel, reason, since: parseBound(filter.from ?? '') };
    const before = filter.before === undefined ? undefined : Number(filter.before);
    const rows = listOf(() => deliveries?.list({ ...where, before, limit: PAGE }));
    const groups = listOf(() => deliveries?.groups(where)) ?? [];
    const isTried = context.req.query('try') === '1' && (status === 'dead' || status === 'skipped');
    const call = { dryRun: true, actor: context.get('session').caller.id, reason: 'count' };
    const tried = isTried
      ? await deliveries?.redriveMatching({ ...where, status }, call)
      : undefined;
    const last = rows?.length === PAGE ? rows.at(-1) : undefined;
    const next = last === undefined ? null : String(last.number);
    const list = rows && { rows, groups };
    return show(context, deliveriesPage(context.get('view'), { list, next, filter, tried }));
  });
  app.get('/parked', (context) =>
    show(context, parkedPage(context.get('view'), parts.parked?.list() ?? [])),
  );
  app.get('/parked/:event', async (context) => {
    const event = await parts.parked?.get(context.req.param('event'));
    const { texts } = context.get('view');
    if (event === undefined)
      return problem(context, 404, texts.problem.notFound, texts.parked.none);
    return show(context, parkedEventPage(context.get('view'), event));
  });
  app.get('/streams', async (context) => {
    const view = context.get('view');
    const stream = context.req.query('stream')?.trim();
    if (stream) return context.redirect(`${view.base}/streams/${encodeURIComponent(stream)}`, 303);
    return show(
      context,
      streamsPage(view, await streamsModel(parts, undefined, context.req.query())),
    );
  });
  app.get('/streams/:stream', async (context) => {
    const model = await streamsModel(parts, context.req.param('stream'), context.req.query());
    return show(context, streamsPage(context.get('view'), model));
  });
  app.get('/audit', (context) =>
    show(context, auditPage(context.get('view'), { hasMessages: parts.canVerify ?? true })),
  );
  app.get('/audit/export.ndjson', async (context) => {
    const opened = await audit();
    context.header('content-disposition', 'attachment; filename="export.ndjson"');
    return context.body(exported(opened), 200, {
      'content-type': 'application/x-ndjson; charset=utf-8',
    });
  });
  app.get('/jobs/:id', (context) => {
    const view = context.get('view');
    const job = jobs.find(context.req.param('id'));
    if (job === undefined)
      return problem(context, 404, view.texts.problem.notFound, view.texts.job.gone);
    const page = job.page?.(view) ?? jobPage(view, { ...job, title: job.title(view) });
    return show(context, page);
  });

  function deliveryOf(id: string) {
    return listOf(() => deliveries?.find(id));
  }
}

/** `undefined` until a worker has made the list. */
function listOf<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

const DeliveryQuery = z.object({
  status: z.enum(DELIVERY_STATUSES).optional().catch(undefined),
  channel: QueryText,
  reason: QueryText,
  user: QueryText,
  from: QueryText,
  before: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional()
    .catch(undefined),
});

async function nowModel(parts: PageParts, wanted: string | undefined): Promise<NowModel> {
  const span = wanted === 'day' ? 'day' : 'hour';
  const minutes = parts.pulse.minutes(span === 'day' ? 24 * 60 : 60);
  const health = await parts.health?.();
  const deliveries = deliveryCounts(parts.deliveries);
  try {
    await using opened = await parts.audit();
    return { totals: opened.totals(), deliveries, health, minutes, span };
  } catch (error) {
    if (!isMissing(error)) throw error;
    return { totals: undefined, deliveries, health, minutes, span };
  }
}

/** The lines as they come; the audit is closed at the end, also when the reader leaves. */
function exported(audit: Awaited<ReturnType<ConsoleOptions['audit']>>): ReadableStream<Uint8Array> {
  // The log may be read through a vault: what leaves the house has no personal part.
  const lines = audit.redactExport(audit.export());
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      try {
        const next = await lines.next();
        if (next.done !== true) {
          controller.enqueue(encoder.encode(`${next.value}\n`));
          return;
        }
      } catch (error) {
        await audit[Symbol.asyncDispose]();
        throw error;
      }
      await audit[Symbol.asyncDispose]();
      controller.close();
    },
    async cancel() {
      await audit[Symbol.asyncDispose]();
    },
  });
}
