// What changes something, or starts a job. Every form has been proven before it comes here.
import type { Context, Hono } from 'hono';
import { replayPage, verifyPage } from '../../../console/pages/audit.ts';
import { trialPage } from '../../../console/pages/policy-trial.ts';
import type { Notice } from '../../../console/markup.ts';
import { TypeOrAnySchema } from '../../../domain/control/events.ts';
import { parseDuration } from '../../../domain/core/durations.ts';
import { ANY_TYPE } from '../../../domain/policy/in-force.ts';
import { parsePolicy } from '../../../domain/policy/text.ts';
import type { PolicyResult } from '../../../kernel/control/policies.ts';
import type { RedriveFilter } from '../../../kernel/processes/delivery/redrive-matching.ts';
import { parseBound } from '../../../projections/audit/history/requests.ts';
import { problem, type Env } from './respond.ts';
import { backTo } from './guards.ts';
import type { Jobs } from './jobs.ts';
import type { ConsoleOptions } from './options.ts';
import { started } from './start-job.ts';

type ActionParts = ConsoleOptions & { readonly jobs: Jobs; readonly base: string };

const MAX_REASON = 512;
/** A redrive of many fits into the patience of a reader; a repeat goes on. */
const REDRIVE_MS = 5_000;

export function actionRoutes(app: Hono<Env>, parts: ActionParts): void {
  const { kernel, deliveries, parked, audit, jobs, base } = parts;
  const { policies } = kernel;

  app.post('/policies/set', async (context) => {
    const { type, reason, actor } = fieldsOf(context);
    const policy = parsePolicy(context.get('form').get('policy') ?? '');
    if (!policy.ok) return back(context, failedWith(messageOf(policy.error)));
    const change = { triggerType: type, policy: policy.value, reason };
    return back(context, await changed(context, policies.set(change, { actor }), 'policySet'));
  });
  app.post('/policies/mute', async (context) => {
    const { type, reason, actor } = fieldsOf(context);
    const ms = parseDuration(context.get('form').get('for') ?? '');
    if (ms === undefined)
      return back(context, failedWith(context.get('view').texts.policies.muteFor));
    const change = { triggerType: type, until: new Date(Date.now() + ms), reason };
    return back(context, await changed(context, policies.mute(change, { actor }), 'muted'));
  });
  app.post('/policies/unmute', async (context) => {
    const { type, reason, actor } = fieldsOf(context);
    const change = { triggerType: type, reason };
    return back(context, await changed(context, policies.unmute(change, { actor }), 'unmuted'));
  });
  app.post('/policies/try', (context) => {
    const { type } = fieldsOf(context);
    const policy = parsePolicy(context.get('form').get('policy') ?? '');
    if (!policy.ok) return back(context, failedWith(messageOf(policy.error)));
    if (!TypeOrAnySchema.safeParse(type).success)
      return back(context, failedWith(context.get('view').texts.problem.invalid));
    const trial = { type, policy: policy.value };
    const axis = 'axis' in trial.policy ? trial.policy.axis : 'requestedAt';
    return started(context, jobs, {
      title: (view) => view.texts.policies.try,
      run: async (progress) => {
        await using opened = await audit();
        const policies = new Map([[type, trial.policy]]);
        const result = await opened.simulate({ policies, axis, progress });
        return { page: (view) => trialPage(view, trial, result) };
      },
    });
  });
  app.post('/deliveries/redrive', async (context) => {
    const form = context.get('form');
    const status = form.get('status');
    const { texts } = context.get('view');
    if (deliveries === undefined || (status !== 'dead' && status !== 'skipped')) {
      return back(context, failedWith(texts.problem.invalid));
    }
    const filter: RedriveFilter = {
      status,
      userId: textOf(form, 'user'),
      channel: textOf(form, 'channel'),
      reason: textOf(form, 'reason'),
      since: parseBound(form.get('from') ?? ''),
    };
    const signal = AbortSignal.timeout(REDRIVE_MS);
    const call = {
      reason: reasonOf(form.get('why')),
      actor: context.get('session').caller.id,
      signal,
    };
    const { redriven } = await deliveries.redriveMatching(filter, call);
    return back(context, { kind: 'done', text: texts.done.redrivenMany(redriven) });
  });
  app.post('/deliveries/:id/redrive', async (context) => {
    const { reason, actor } = fieldsOf(context);
    const { texts } = context.get('view');
    const result = await deliveries?.redrive(context.req.param('id'), undefined, { reason, actor });
    if (result?.outcome === 'redriven')
      return back(context, { kind: 'done', text: texts.done.redriven });
    if (result?.outcome === 'rejected') return back(context, failedWith(result.message));
    return problem(context, 404, texts.problem.notFound, texts.problem.notFoundAdvice);
  });
  app.post('/parked/:event', async (context) => {
    const { reason, actor } = fieldsOf(context);
    const { texts } = context.get('view');
    const action = context.get('form').get('action');
    if (action !== 'retry' && action !== 'drop')
      return back(context, failedWith(texts.problem.invalid));
    const event = context.req.param('event');
    const result = await parked?.resolve({ event, action, reason }, { actor });
    if (result?.outcome !== 'resolved') {
      return problem(context, 404, texts.problem.notFound, texts.parked.none);
    }
    return back(context, { kind: 'done', text: texts.done.resolved });
  });
  app.post('/audit/verify', (context) =>
    started(context, jobs, {
      title: (view) => view.texts.audit.verify,
      run: async (progress) => {
        await using opened = await audit();
        const result = await opened.verify({ progress });
        return { page: (view) => verifyPage(view, result) };
      },
    }),
  );
  app.post('/audit/replay', (context) =>
    started(context, jobs, {
      title: (view) => view.texts.audit.replay,
      run: async (progress) => {
        await using opened = await audit();
        const result = await opened.replay({ progress });
        return { page: (view) => replayPage(view, result) };
      },
    }),
  );

  /** The page that the form was on, with what has happened. */
  function back(context: Context<Env>, notice: Notice): Response {
    context.get('session').setNotice(notice);
    return context.redirect(backTo(context.get('form').get('back'), base), 303);
  }
}

function fieldsOf(context: Context<Env>): { type: string; reason: string; actor: string } {
  const form = context.get('form');
  const type = form.get('type') ?? ANY_TYPE;
  return { type, reason: reasonOf(form.get('reason')), actor: context.get('session').caller.id };
}

function reasonOf(text: string | null): string {
  return (text ?? '').trim().slice(0, MAX_REASON);
}

function textOf(form: URLSearchParams, name: string): string | undefined {
  return form.get(name)?.trim() || undefined;
}

function failedWith(text: string): Notice {
  return { kind: 'failed', text };
}

function messageOf(issues: readonly { readonly message: string }[]): string {
  return issues.map(({ message }) => message).join('; ');
}

async function changed(
  context: Context<Env>,
  result: Promise<PolicyResult>,
  done: 'policySet' | 'muted' | 'unmuted',
): Promise<Notice> {
  const { texts } = context.get('view');
  const known = await result;
  if (known.outcome === 'rejected') return failedWith(known.message);
  return {
    kind: 'done',
    text: known.outcome === 'changed' ? texts.done[done] : texts.done.unchanged,
  };
}
