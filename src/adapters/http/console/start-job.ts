// Starts a job, leads to its page, and shows what it has made.
import type { Context, Hono } from 'hono';
import { jobPage } from '../../../console/pages/audit.ts';
import type { Jobs, JobSpec } from './jobs.ts';
import { problem, show, type Env } from './respond.ts';

/** The page of the new job. */
export async function started(context: Context<Env>, jobs: Jobs, spec: JobSpec): Promise<Response> {
  const { base, texts } = context.get('view');
  const id = jobs.start(spec);
  if (id !== undefined) return context.redirect(`${base}/jobs/${id}`, 303);
  return problem(context, 409, texts.problem.failed, texts.job.busy);
}

export function jobRoutes(app: Hono<Env>, jobs: Jobs): void {
  app.get('/jobs/:id', (context) => {
    const view = context.get('view');
    const id = context.req.param('id');
    const job = jobs.find(id);
    if (job === undefined)
      return problem(context, 404, view.texts.problem.notFound, view.texts.job.gone);
    const page = job.result?.page(view, `${view.base}/jobs/${id}/file`);
    return show(context, page ?? jobPage(view, { ...job, title: job.title(view) }));
  });
  app.get('/jobs/:id/file', (context) => {
    const { texts } = context.get('view');
    const file = jobs.find(context.req.param('id'))?.result?.file;
    if (file === undefined) return problem(context, 404, texts.problem.notFound, texts.job.gone);
    return context.body(file.text, 200, {
      'content-type': 'application/json; charset=utf-8',
      'content-disposition': `attachment; filename="${file.name}"`,
    });
  });
}
