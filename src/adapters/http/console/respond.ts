// Responses of the console's pages, and what a request of a session has.
import type { Context } from 'hono';
import { document, type Page } from '../../../console/layout.ts';
import type { View } from '../../../console/markup.ts';
import { problemPage } from '../../../console/pages/login.ts';
import type { Session } from './sessions.ts';

/** What a request of a session has. */
export type Variables = {
  session: Session;
  view: View;
  /** The fields of a form, which has proven that a page of the session sent it. */
  form: URLSearchParams;
};

export type Env = { Variables: Variables };

export function show(
  context: Context<Env>,
  page: Page,
  status: 200 | 400 = 200,
): Response | Promise<Response> {
  return context.html(document(context.get('view'), page), status);
}

export function problem(
  context: Context<Env>,
  status: 403 | 404 | 409 | 500 | 503,
  title: string,
  advice: string,
): Response | Promise<Response> {
  const view = context.get('view');
  return context.html(document(view, problemPage(view, title, advice)), status);
}
