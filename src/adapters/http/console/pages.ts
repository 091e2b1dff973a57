// The pages that only read: each makes its model from the parts and renders it.
import type { Hono } from 'hono';
import { auditPage } from '../../../console/pages/audit.ts';
import { deliveriesPage } from '../../../console/pages/deliveries.ts';
import { nowPage, type NowModel } from '../../../console/pages/now.ts';
import { notificationsPage } from '../../../console/pages/notifications.ts';
import { parkedEventPage, parkedPage } from '../../../console/pages/parked.ts';
import { policiesPage } from '../../../console/pages/policies.ts';
import { streamsPage } from '../../../console/pages/streams.ts';
import { storyPath, userPath } from '../../../console/markup.ts';
import { isUuid, parseOccurrenceId, DEFAULT_KERNEL_NAME } from '../../../domain/core/ids.ts';
import { DELIVERY_STATUSES } from '../../../domain/delivery/effects.ts';
import type { Deliveries } from '../../../kernel/deliveries.ts';
import type {
  DeliveryFilter,
  DeliveryGroup,
} from '../../../kernel/processes/delivery/delivery-index.ts';
import { problem, show, type Env } from './respond.ts';
import { deliveryCounts, isMissing, listOf } from './counts.ts';
import { streamsModel } from './streams-model.ts';
import { requestsModel } from './requests-model.ts';
import { minutesModel } from './minutes-model.ts';
import { boundIn, choiceIn, instantIn, numberIn, textIn, type Address } from './query.ts';
import type { ConsoleOptions } from './options.ts';
import type { Pulse } from './pulse.ts';

export type PageParts = ConsoleOptions & { readonly pulse: Pulse };

const PAGE = 50;
/** Deliveries that a count before a redrive looks at. */
const MAX_COUNTED = 5_000;

export function pageRoutes(app: Hono<Env>, parts: PageParts): void {
  const { audit, deliveries, kernel, types = [], pulse } = parts;

  app.get('/', async (context) =>
    show(context, nowPage(context.get('view'), await nowModel(parts, context.req.query()))),
  );
  app.get('/now.json', async (context) => context.json(await nowModel(parts, context.req.query())));
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
  app.get('/policies', async (context) => {
    const [inForce, history] = [await kernel.policies.show(), await kernel.policies.history()];
    return show(context, policiesPage(context.get('view'), { inForce, history, types }));
  });
  app.get('/deliveries', async (context) => {
    const address = context.req.query();
    const text = (name: string) => textIn(address, name);
    const status = choiceIn(address, 'status', DELIVERY_STATUSES);
    const filters = { userId: text('user'), channel: text('channel'), reason: text('reason') };
    const where = { ...filters, status, since: boundIn(address, 'from') };
    const number = numberIn(address, 'before');
    const before = number === undefined ? undefined : Number(number);
    const groups = listOf(() => deliveries && groupsOf(deliveries, where)) ?? [];
    const rows = listOf(() => deliveries?.list({ ...where, before, limit: PAGE }));
    const isTried = context.req.query('try') === '1' && (status === 'dead' || status === 'skipped');
    const actor = context.get('session').caller.id;
    const call = { dryRun: true, actor, reason: 'count', limit: MAX_COUNTED };
    const tried = isTried
      ? await deliveries?.redriveMatching({ ...where, status }, call)
      : undefined;
    const last = rows?.length === PAGE ? rows.at(-1) : undefined;
    const next = last === undefined ? null : String(last.number);
    const list = rows && { rows, groups };
    const names = ['status', 'user', 'channel', 'reason', 'from', 'before'];
    const filter = Object.fromEntries(names.map((name) => [name, text(name)]));
    return show(context, deliveriesPage(context.get('view'), { list, next, filter, tried }));
  });
  app.get('/parked', (context) => {
    const all = parts.parked?.list() ?? [];
    const from = Math.min(Number(numberIn(context.req.query(), 'from') ?? 0n), all.length);
    const model = { parked: all.slice(from, from + PAGE), total: all.length, from };
    return show(context, parkedPage(context.get('view'), model));
  });
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
}

/** Nearly all deliveries are delivered: to count those since a time would read the whole list, so they are left out. */
function groupsOf(deliveries: Deliveries, where: DeliveryFilter): readonly DeliveryGroup[] {
  const { status, since, userId } = where;
  if (since === undefined || status !== undefined || userId !== undefined)
    return deliveries.groups(where);
  return DELIVERY_STATUSES.filter((each) => each !== 'delivered').flatMap((each) =>
    deliveries.groups({ ...where, status: each }),
  );
}

async function nowModel(parts: PageParts, address: Address): Promise<NowModel> {
  const span = choiceIn(address, 'span', ['hour', 'day']) ?? 'hour';
  const until = instantIn(address, 'until') ?? Date.now();
  const health = await parts.health?.();
  const deliveries = deliveryCounts(parts.deliveries);
  try {
    await using opened = await parts.audit();
    const minutes = minutesModel(opened, parts.deliveries, span, until);
    return { totals: opened.totals(), deliveries, health, minutes, span };
  } catch (error) {
    if (!isMissing(error)) throw error;
    return { totals: undefined, deliveries, health, minutes: [], span };
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
