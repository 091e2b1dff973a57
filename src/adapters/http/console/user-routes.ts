// The page of a user, and forgetting the user. Forgetting reads the user's share of the log, so it is a job.
import type { Hono } from 'hono';
import { confirmForgetPage, forgottenPage } from '../../../console/pages/forget.ts';
import { userPage } from '../../../console/pages/user.ts';
import { userPath } from '../../../console/markup.ts';
import { IdSchema, type UserId } from '../../../domain/core/identity.ts';
import type { ConsoleOptions } from './options.ts';
import type { Jobs } from './jobs.ts';
import { problem, show, type Env } from './respond.ts';
import { may } from './sessions.ts';
import { started } from './start-job.ts';
import { userModel } from './user-model.ts';

export function userRoutes(app: Hono<Env>, parts: ConsoleOptions & { readonly jobs: Jobs }): void {
  const { forget, jobs } = parts;

  app.get('/users/:user', async (context) => {
    const model = await userModel(parts, context.req.param('user'), context.req.query());
    return show(context, userPage(context.get('view'), model));
  });
  app.get('/users/:user/forget', (context) => {
    const view = context.get('view');
    const { forbidden, notFound, forbiddenAdvice, notFoundAdvice } = view.texts.problem;
    const user = userIn(context.req.param('user'));
    if (!may(context.get('session').caller, 'console:act'))
      return problem(context, 403, forbidden, forbiddenAdvice);
    if (forget === undefined || user === undefined)
      return problem(context, 404, notFound, notFoundAdvice);
    return show(context, confirmForgetPage(view, user));
  });
  app.post('/users/:user/forget', async (context) => {
    const view = context.get('view');
    const user = userIn(context.req.param('user'));
    if (forget === undefined || user === undefined)
      return problem(context, 404, view.texts.problem.notFound, view.texts.problem.notFoundAdvice);
    // The id is typed once more, so that a wrong click forgets nobody.
    if (context.get('form').get('confirm')?.trim() !== user) {
      context.get('session').setNotice({ kind: 'failed', text: view.texts.forget.notConfirmed });
      return context.redirect(`${userPath(view, user)}/forget`, 303);
    }
    const actor = context.get('session').caller.id;
    return started(context, jobs, {
      title: ({ texts }) => texts.forget.resultTitle(user),
      run: async () => {
        const forgotten = await forget(user, { actor });
        return { page: (reader) => forgottenPage(reader, forgotten) };
      },
    });
  });
}

function userIn(text: string): UserId | undefined {
  const parsed = IdSchema.safeParse(text);
  return parsed.success ? parsed.data : undefined;
}
