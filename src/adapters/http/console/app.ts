// The console as a `fetch` handler: sessions, guards and headers. The pages stand in pages.ts, what changes something
// in actions.ts.
import { Hono, type Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { document } from '../../../console/layout.ts';
import type { View } from '../../../console/markup.ts';
import { loginPage, queryFaultPage } from '../../../console/pages/login.ts';
import { accepted, isLanguage, textsOf, type Language } from '../../../console/texts.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import { silentLogger } from '../../../domain/ports/logger.ts';
import { actionRoutes } from './actions.ts';
import { assetResponse } from './assets.ts';
import { backTo, formOf, isProven, SECURITY_HEADERS } from './guards.ts';
import { createJobs } from './jobs.ts';
import { isOwnHost, isSecure, parseOwnHost, type OwnHost } from './own-hosts.ts';
import type { ConsoleApp, ConsoleOptions } from './options.ts';
import { pageRoutes } from './pages.ts';
import { createPulse } from './pulse.ts';
import { newestRequests } from './counts.ts';
import { InvalidQuery } from './query.ts';
import { problem, type Env } from './respond.ts';
import { jobRoutes } from './start-job.ts';
import { storyRoutes } from './story-routes.ts';
import { userRoutes } from './user-routes.ts';
import { createSessions, may, type Session } from './sessions.ts';

const COOKIE = 'tocsin_console';
const LANGUAGE_COOKIE = 'tocsin_language';
const YEAR_SECONDS = 365 * 86_400;

/**
 * Creates the console: pages that show what happened and why, and try policies. Every page needs a session; every
 * change needs `console:act` and a form of a page of the session.
 */
export function createConsole(options: ConsoleOptions): ConsoleApp {
  const { logger = silentLogger, tokens } = options;
  const own = (options.hosts ?? []).map(parseOwnHost);
  const base = baseOf(options.basePath ?? '/console');
  const sessions = createSessions(() => performance.now());
  const jobs = createJobs(logger);
  const pulse = createPulse({
    newest: () => newestRequests(options),
    now: () => Date.now(),
    logger,
  });
  const app = new Hono<Env>({ getPath: (request) => withoutBase(request, base) });

  app.use(async (context, next) => {
    if (!isOwnHost(context.req.raw, own)) {
      context.res = new Response(
        'This host name is not allowed. Name it in the setting console-hosts, or the option hosts.',
        {
          status: 421,
        },
      );
    } else await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      const isAsset = name === 'cache-control' && context.res.headers.has(name);
      if (!isAsset) context.res.headers.set(name, value);
    }
  });
  app.get('/assets/:name', async (context) => {
    return (await assetResponse(context.req.param('name'))) ?? context.text('no such file', 404);
  });
  app.get('/language', (context) => {
    const lang = context.req.query('to');
    const cookie = { path: base || '/', sameSite: 'Lax', maxAge: YEAR_SECONDS } as const;
    if (isLanguage(lang)) setCookie(context, LANGUAGE_COOKIE, lang, cookie);
    return context.redirect(backTo(context.req.query('back') ?? null, base), 303);
  });
  app.get('/enter', (context) => {
    const id = sessions.enterByLink(context.req.query('key') ?? '');
    if (id === undefined) return entrance(context, base, true);
    begin(context, base, id, own);
    return context.redirect(backTo(null, base), 303);
  });
  app.post('/enter', async (context) => {
    const form = await formOf(context.req.raw, own);
    const token = form?.get('token')?.trim() ?? '';
    const id = await sessions.enter(async () => {
      const found = await tokens.verify(token);
      return found && { id: `token:${found.tokenId}`, userId: found.userId, scopes: found.scopes };
    });
    if (form === undefined || id === undefined) return entrance(context, base, true);
    begin(context, base, id, own);
    return context.redirect(backTo(form.get('back'), base), 303);
  });
  app.use(async (context, next) => {
    const session = await sessions.find(getCookie(context, COOKIE));
    if (session === undefined) return entrance(context, base, false);
    context.set('session', session);
    const notice = context.req.method === 'GET' ? session.takeNotice() : undefined;
    context.set('view', { ...viewOf(context, base, session), notice });
    if (context.req.method !== 'POST') return next();
    const form = await formOf(context.req.raw, own);
    const isLeaving = context.req.path === '/leave';
    const mayPost = isLeaving || isTrial(context.req.path) || may(session.caller, 'console:act');
    if (form === undefined || !isProven(form, session.csrf) || !mayPost) {
      const { texts } = context.get('view');
      return problem(context, 403, texts.problem.forbidden, texts.problem.forbiddenAdvice);
    }
    context.set('form', form);
    return next();
  });
  app.post('/leave', (context) => {
    context.get('session').end();
    deleteCookie(context, COOKIE, { path: base || '/' });
    return context.redirect(backTo(null, base), 303);
  });
  pageRoutes(app, { ...options, pulse });
  storyRoutes(app, { ...options, jobs });
  userRoutes(app, { ...options, jobs });
  jobRoutes(app, jobs);
  actionRoutes(app, { ...options, jobs, base });
  app.notFound((context) => {
    const { problem: texts } = context.get('view').texts;
    return problem(context, 404, texts.notFound, texts.notFoundAdvice);
  });
  app.onError((error, context) => failure(error, context, base, logger));

  return {
    fetch: async (request) => app.fetch(request),
    oneTimePath: () => `${base}/enter?key=${sessions.link()}`,
    [Symbol.dispose]: () => {
      pulse[Symbol.dispose]();
    },
  };
}

/** Reads the log only, so a reader may start them. */
function isTrial(path: string): boolean {
  return /^\/(?:policies\/try|audit\/verify|audit\/replay|story\/[^/]+\/proof)$/.test(path);
}

function failure(
  error: Error,
  context: Context<Env>,
  base: string,
  logger: NonNullable<ConsoleOptions['logger']>,
): Response | Promise<Response> {
  const { texts } = viewOf(context, base);
  // Before a session is found there is no view.
  if (!('view' in context.var)) context.set('view', viewOf(context, base));
  if (error instanceof InvalidQuery) {
    const view = context.get('view');
    return context.html(document(view, queryFaultPage(view, error)), 400);
  }
  const { notFound, notFoundAdvice, noState, noStateAdvice, failed, failedAdvice } = texts.problem;
  if (error instanceof TocsinError && error.code === 'not_found') {
    return problem(context, 404, notFound, notFoundAdvice);
  }
  if (error instanceof TocsinError && error.kind === 'usage') {
    return problem(context, 503, noState, noStateAdvice);
  }
  logger.error({ err: error }, 'a page of the console failed');
  const isOutage = error instanceof TocsinError && error.kind === 'unavailable';
  return problem(context, isOutage ? 503 : 500, failed, failedAdvice);
}

function entrance(
  context: Context<Env>,
  base: string,
  wasRefused: boolean,
): Response | Promise<Response> {
  const view = viewOf(context, base);
  return context.html(document(view, loginPage(view, wasRefused), false), 401);
}

function begin(context: Context<Env>, base: string, id: string, own: readonly OwnHost[]): void {
  const secure = isSecure(context.req.raw, own);
  setCookie(context, COOKIE, id, { path: base || '/', httpOnly: true, sameSite: 'Strict', secure });
}

function viewOf(context: Context<Env>, base: string, session?: Session): View {
  const lang = languageOf(context);
  const { search } = new URL(context.req.url);
  const path = context.req.path === '/' ? '' : context.req.path;
  return {
    texts: textsOf(lang),
    lang,
    base,
    here: path.startsWith('/enter') ? base : `${base}${path}${search}`,
    csrf: session?.csrf ?? '',
    mayAct: session !== undefined && may(session.caller, 'console:act'),
  };
}

function languageOf(context: Context<Env>): Language {
  const chosen = getCookie(context, LANGUAGE_COOKIE);
  return isLanguage(chosen) ? chosen : accepted(context.req.header('accept-language') ?? null);
}

function baseOf(path: string): string {
  const base = path.replaceAll(/^\/+|\/+$/g, '');
  return base === '' ? '' : `/${base}`;
}

/** A host that mounts the console may have taken its path off already. */
function withoutBase(request: Request, base: string): string {
  const path = new URL(request.url).pathname;
  if (base === '' || (path !== base && !path.startsWith(`${base}/`))) return path;
  return path.slice(base.length) || '/';
}
