// The HTTP API as a `fetch` handler: the checks and headers of all endpoints. The endpoints stand in routes/.
import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { TraceparentSchema } from '../../domain/core/envelope.ts';
import { unlessAborted } from '../../domain/core/signals.ts';
import { silentLogger, type Logger } from '../../domain/ports/logger.ts';
import { noTelemetry, type Telemetry } from '../../domain/ports/telemetry.ts';
import type { Deliveries } from '../../kernel/deliveries.ts';
import type { Parked } from '../../kernel/parked.ts';
import type { Kernel } from '../../kernel/open-kernel.ts';
import type { ConsoleOptions } from './console/options.ts';
import { DEFAULT_BODY_BYTES, readBody } from './endpoint/body.ts';
import { userOf, type Authenticate } from './endpoint/caller.ts';
import { refuse, refused, type Answer, type Endpoint } from './endpoint/endpoint.ts';
import { openApiOf } from './endpoint/open-api.ts';
import { reportRequest } from './endpoint/report-request.ts';
import { checkedNumber } from '../../domain/core/options.ts';
import { rateLimit, type ApiRate, type RateLimit } from './endpoint/rate-limit.ts';
import {
  finished,
  problemResponse,
  REQUEST_ID_HEADER,
  responseOf,
  thrownProblem,
} from './endpoint/respond.ts';
import { cancelEndpoints } from './routes/cancelling.ts';
import { channelEndpoints, type ApiChannels } from './routes/channels.ts';
import { deliveryEndpoints } from './routes/deliveries.ts';
import { historyEndpoints, parkedEndpoints } from './routes/history.ts';
import { longAuditEndpoints } from './routes/long-audits.ts';
import { policyEndpoints } from './routes/policies.ts';
import { previewEndpoints } from './routes/previews.ts';
import { triggerEndpoints } from './routes/triggers.ts';

/** The parts of the API. */
export type HttpAppOptions = {
  readonly kernel: Pick<
    Kernel,
    'dryRun' | 'raise' | 'cancel' | 'trigger' | 'previews' | 'policies'
  >;
  /** Identifies the caller: `bearerTokens(createTokens({ store }))`, or a function of the host. */
  readonly authenticate: Authenticate;
  /** Absent: the API has no channel endpoints. */
  readonly channels?: ApiChannels | undefined;
  /** Absent: the API has no delivery endpoints. */
  readonly deliveries?: Deliveries | undefined;
  /** Opens an audit, as the console does. Absent: the API has no endpoints of requests, stories and totals. */
  readonly audit?: ConsoleOptions['audit'] | undefined;
  /** Absent: the API makes no proofs. */
  readonly notary?: ConsoleOptions['notary'];
  /** Absent: the API has no endpoints of parked events. */
  readonly parked?: Parked | undefined;
  /**
   * The path at which your server mounts the API, such as `/notify`: the API takes it off the paths of requests, and its
   * OpenAPI document names it. Default: none.
   */
  readonly basePath?: string;
  /**
   * Rate limit of each token, and of each user over all tokens of the user, each number up to 100,000. Default: 20
   * requests per second, 40 at once.
   */
  readonly rate?: ApiRate;
  /** The largest body of a request, in bytes, 1 to 2^31 - 1. Default: 32 KiB. */
  readonly maxBodyBytes?: number;
  /** Gets a line for each request at `info`: the access log. */
  readonly logger?: Logger;
  /** Gets metrics and traces of requests. Default: none. */
  readonly telemetry?: Telemetry;
};

/** The API; any server that takes a `fetch` handler can mount it. */
export type HttpApp = {
  readonly fetch: (request: Request) => Promise<Response>;
  /** The OpenAPI 3.1 document that the API serves at `/openapi.json`. */
  readonly openApi: object;
};

const DEFAULT_RATE: ApiRate = { perSecond: 20, burst: 40 };

/** Time after its own deadline in which an endpoint can still answer. */
const GRACE_MS = 2_000;

type Shared = {
  readonly authenticate: Authenticate;
  readonly limit: RateLimit;
  readonly maxBodyBytes: number;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
};

function checkNumbers({ rate = DEFAULT_RATE, maxBodyBytes }: HttpAppOptions): void {
  checkedNumber('rate.perSecond', rate.perSecond, [0.001, 100_000], 'any');
  checkedNumber('rate.burst', rate.burst, [1, 100_000]);
  if (maxBodyBytes !== undefined) checkedNumber('maxBodyBytes', maxBodyBytes, [1, 2 ** 31 - 1]);
}

/**
 * Creates the API of a kernel. It refuses unknown fields, never reveals another user's data, and answers each
 * failure as `application/problem+json` with a stable `code`.
 *
 * @throws TocsinError `invalid_option` for a number that is out of range
 */
export function createHttpApp(options: HttpAppOptions): HttpApp {
  checkNumbers(options);
  const { kernel, channels, deliveries, audit, notary, parked, authenticate } = options;
  const { rate = DEFAULT_RATE, logger = silentLogger, basePath = '' } = options;
  const { telemetry = noTelemetry, maxBodyBytes = DEFAULT_BODY_BYTES } = options;
  const base = `/${basePath.replaceAll(/^\/+|\/+$/g, '')}`;
  const endpoints = [
    ...triggerEndpoints(kernel),
    ...cancelEndpoints(kernel),
    ...previewEndpoints(kernel),
    ...(channels === undefined ? [] : channelEndpoints(channels)),
    ...(deliveries === undefined ? [] : deliveryEndpoints(deliveries)),
    ...policyEndpoints(kernel),
    ...(audit === undefined ? [] : historyEndpoints({ audit, ...(deliveries && { deliveries }) })),
    ...(audit === undefined ? [] : longAuditEndpoints({ audit, notary })),
    ...(parked === undefined ? [] : parkedEndpoints(parked)),
  ];
  const openApi = openApiOf(endpoints, base, maxBodyBytes);
  const shared = {
    authenticate,
    logger,
    telemetry,
    limit: rateLimit(rate, () => performance.now()),
    maxBodyBytes,
  };
  const app = new Hono<{ Variables: { requestId: string; isServed?: boolean } }>({
    // A host that mounts the API may have taken its path off already.
    getPath: (request) => withoutBase(new URL(request.url).pathname, base),
  });
  app.use(async (context, next) => {
    const requestId = requestIdOf(context.req.raw.headers);
    context.set('requestId', requestId);
    const begun = performance.now();
    await next();
    const { status } = context.res;
    // A path or a method that the API does not have, or its document.
    if (context.get('isServed') !== true) {
      const facts = { method: context.req.method, route: '', status, requestId };
      reportRequest(shared, begun, facts);
    }
    context.res = finished(new Response(context.res.body, context.res), requestId);
  });
  app.get('/openapi.json', (context) => context.json(openApi));
  for (const endpoint of endpoints) {
    app.on(endpoint.method, patternOf(endpoint), (context) => {
      context.set('isServed', true);
      const params = context.req.param();
      return served(endpoint, context.req.raw, { ...shared, params, id: context.get('requestId') });
    });
  }
  for (const [path, allow] of methodsOf(endpoints)) {
    app.all(path, () =>
      problemResponse({ code: 'method_not_allowed', detail: `Use ${allow}.` }, { allow }),
    );
  }
  app.notFound(() =>
    problemResponse({ code: 'not_found', detail: 'See /openapi.json for all paths.' }),
  );
  app.onError((error, context) => {
    logger.error({ err: error, requestId: context.get('requestId') }, 'a request failed');
    return problemResponse(thrownProblem(error));
  });
  return { fetch: async (request) => app.fetch(request), openApi };
}

function withoutBase(path: string, base: string): string {
  return base !== '/' && path.startsWith(`${base}/`) ? path.slice(base.length) : path;
}

type Serving = Shared & { readonly params: Readonly<Record<string, string>>; readonly id: string };

async function served(endpoint: Endpoint, request: Request, serving: Serving): Promise<Response> {
  const { logger, telemetry, id: requestId } = serving;
  const begun = performance.now();
  const { operationId, method, path } = endpoint;
  const given = TraceparentSchema.safeParse(request.headers.get('traceparent')).data;
  const span = telemetry.span('tocsin.request', { parent: given });
  const { traceparent = given } = span;
  let caller: string | undefined;
  const answered = await answerTo(endpoint, request, { ...serving, traceparent }, (known) => {
    caller = known;
  }).catch((error: unknown) => {
    const problem = thrownProblem(error);
    const log = problem.code === 'internal_error' ? logger.error : logger.warn;
    log({ err: error, requestId, operationId, caller, traceparent }, 'a request failed');
    return refused(problem);
  });
  const response = responseOf(answered);
  const { status } = response;
  const code = answered.kind === 'problem' ? answered.problem.code : undefined;
  const facts = { method, route: path, status, code, operationId, caller, requestId, traceparent };
  const attributes = reportRequest(serving, begun, facts);
  span.end({ attributes, ...(status < 500 ? {} : { failed: code ?? String(status) }) });
  return response;
}

async function answerTo(
  endpoint: Endpoint,
  request: Request,
  {
    authenticate,
    limit,
    maxBodyBytes,
    params,
    traceparent,
  }: Serving & { readonly traceparent: string | undefined },
  isKnown: (caller: string) => void,
): Promise<Answer> {
  const { deadlineMs, bodyOptional = false } = endpoint;
  const isOver = AbortSignal.timeout(deadlineMs + GRACE_MS);
  const caller = await within(isOver, authenticate(request));
  if (caller === 'over') return NOT_IDENTIFIED;
  if (caller === undefined) return refuse('unauthorized', 'Send Authorization: Bearer TOKEN.');
  isKnown(caller.id);
  const { id, userId } = caller;
  const retryAfter = userId === undefined ? limit(id) : limit(id, `user:${userId}`);
  if (retryAfter > 0)
    return refuse('rate_limited', 'Wait, then go on more slowly.', { retryAfter });
  const user = userOf(caller, endpoint, request.headers);
  if (!user.ok) return refused(user.error);
  const query = queryOf(request.url);
  if (query === undefined) return refuse('invalid_field', 'A query parameter is given twice.');
  const body =
    endpoint.body === undefined
      ? undefined
      : await within(isOver, readBody(request, { optional: bodyOptional, maxBytes: maxBodyBytes }));
  if (body === 'over') return OVER;
  if (body?.ok === false) return refused(body.error);
  const work = endpoint.handle({
    params,
    query,
    body: body?.value,
    userId: user.value,
    key: keyOf(endpoint, request.headers),
    actor: caller.id,
    traceparent,
    deadlineMs,
    signal: isOver,
  });
  const answered = await within(isOver, work);
  return answered === 'over' ? OVER : answered;
}

const OVER = refuse(
  'outcome_unknown',
  'The answer took too long. Send the request again; use the same idempotency key for a write.',
);

const NOT_IDENTIFIED = refuse(
  'unavailable',
  'The caller was not identified in time; nothing was done. Try again in a moment.',
  { retryAfter: 1 },
);

/** The deadline ends the wait, not the work. */
function within<T>(deadline: AbortSignal, work: Promise<T>): Promise<T | 'over'> {
  return unlessAborted(work, deadline, () => 'over' as const);
}

function keyOf({ takesKey }: Endpoint, headers: Headers): string | undefined {
  const key = takesKey === true ? headers.get('idempotency-key')?.trim() : undefined;
  return key === '' ? undefined : key;
}

/** `undefined` when a parameter is given twice, because the request is then ambiguous. */
function queryOf(url: string): Readonly<Record<string, string>> | undefined {
  const given = [...new URL(url).searchParams];
  const query = Object.fromEntries(given);
  return Object.keys(query).length === given.length ? query : undefined;
}

/** The caller's request id if it is safe to log, else a new one. */
function requestIdOf(headers: Headers): string {
  const given = headers.get(REQUEST_ID_HEADER) ?? '';
  return /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID();
}

/** The methods of each path. */
function methodsOf(endpoints: readonly Endpoint[]): ReadonlyMap<string, string> {
  const all = [{ path: '/openapi.json', method: 'get' }, ...endpoints];
  const byPattern = Array.from(Map.groupBy(all, patternOf), ([pattern, same]) => {
    const methods = same.map(({ method }) => method.toUpperCase());
    return [pattern, methods.join(', ')] as const;
  });
  return new Map(byPattern);
}

/** The path as the router writes it. */
function patternOf({ path }: { readonly path: string }): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}
