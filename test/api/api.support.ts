// The set-up of the API tests: a kernel in memory, tokens of two users and of the service, deliveries in a
// real list, and a channel port without secrets. It checks each answer against the OpenAPI document.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { createHttpApp, type HttpApp, type HttpAppOptions } from '../../src/adapters/http/app.ts';
import { bearerTokens } from '../../src/adapters/http/endpoint/caller.ts';
import type { ChannelView } from '../../src/kernel/channels/view.ts';
import type { ApiChannels } from '../../src/adapters/http/routes/channels.ts';
import { sqliteDeliveryIndex } from '../../src/adapters/sqlite/delivery-index.ts';
import { SCOPES, USER_SCOPES, type Scope } from '../../src/domain/access/scopes.ts';
import { deliveryStream } from '../../src/domain/delivery/stream.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { createParked } from '../../src/kernel/parked.ts';
import { createDeliveries } from '../../src/kernel/deliveries.ts';
import { openKernel, type Kernel, type KernelOptions } from '../../src/kernel/open-kernel.ts';
import { systemRuntime } from '../../src/kernel/decider/runtime.ts';
import type { Clock } from '../../src/domain/ports/runtime.ts';
import { fixedClock, type FixedClock } from '../../src/kernel/testing/fixed-clock.ts';
import { createTokens, type Tokens } from '../../src/kernel/access/tokens.ts';
import {
  deliveryDecider,
  changeDelivery,
} from '../../src/kernel/processes/delivery/delivery-decider.ts';
import { deliveryContext } from '../../src/kernel/processes/delivery/processes.ts';
import { rowAfter } from '../../src/kernel/processes/delivery/delivery-index.ts';
import { deliveryCodec } from '../../src/domain/delivery/events.ts';
import type {
  DeliveryIndex,
  DeliveryRow,
} from '../../src/kernel/processes/delivery/delivery-index.ts';
import { memoryAudit } from '../support/memory-audit.ts';
import { START } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

export type Sent = {
  readonly token?: string | undefined;
  readonly body?: unknown;
  /** The bytes to send. */
  readonly raw?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
};

export type Got = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
};

export type ApiWorld = Disposable & {
  readonly app: HttpApp;
  readonly store: EventStore;
  readonly kernel: Kernel;
  readonly tokens: Tokens;
  readonly clock: FixedClock;
  /** Tokens of users 1 and 2 and of the service, with every scope that they can have. */
  readonly one: string;
  readonly two: string;
  readonly service: string;
  readonly token: (scopes: readonly Scope[], userId?: number) => Promise<string>;
  /** Sends a request, and checks the answer against the OpenAPI document. */
  readonly ask: (method: string, path: string, sent?: Sent) => Promise<Got>;
  /** Makes a dead delivery of the user in the log and in the list; returns its id. */
  readonly dead: (userId: string, n: number) => Promise<string>;
};

export async function apiWorld(
  options: Partial<HttpAppOptions> & {
    readonly store?: EventStore;
    readonly kernelOptions?: Partial<KernelOptions>;
  } = {},
): Promise<ApiWorld> {
  const { store = memoryStore(), kernelOptions, ...more } = options;
  const opened = new DisposableStack();
  const clock = fixedClock(START);
  const kernel = await openKernel({ ...scheduleProduct, store, clock, ...kernelOptions });
  const tokens = createTokens({ store, clock });
  const { storeId } = kernel;
  let made: DeliveryIndex | undefined;
  // Made on first use: most tests need no deliveries, and a file costs more than all other parts.
  const list = (): DeliveryIndex => {
    if (made !== undefined) return made;
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-api-'));
    opened.defer(() => {
      rmSync(folder, { recursive: true });
    });
    made = opened.use(sqliteDeliveryIndex({ file: join(folder, 'deliveries.db'), storeId }));
    return made;
  };
  const app = createHttpApp({
    kernel,
    authenticate: bearerTokens(tokens),
    deliveries: createDeliveries({ store, index: list, clock }),
    channels: channelsInMemory(),
    audit: () => memoryAudit(store),
    notary: { head: () => undefined },
    parked: createParked({ store, state: () => ({ parked: () => [] }) }),
    rate: { perSecond: 100_000, burst: 100_000 },
    ...more,
  });
  const token: ApiWorld['token'] = async (scopes, userId) => {
    const result = await tokens.create({
      name: 'a test',
      scopes: [...scopes],
      ...(userId === undefined ? {} : { userId }),
    });
    if (result.outcome !== 'created') throw new Error(result.message);
    return result.token;
  };
  const [one, two] = [await token(USER_SCOPES, 1), await token(USER_SCOPES, 2)];
  const service = await token(SCOPES);
  const check = checker(app.openApi);
  return {
    app,
    store,
    kernel,
    tokens,
    clock,
    one,
    two,
    service,
    token,
    async ask(method, path, { token: bearer, body, raw, headers } = {}) {
      const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
      const response = await app.fetch(
        new Request(`http://localhost${path}`, {
          method,
          headers: {
            ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
            ...(content === undefined ? {} : { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(content === undefined ? {} : { body: content }),
        }),
      );
      const text = await response.text();
      const answered: unknown = text === '' ? {} : JSON.parse(text);
      check(method, new URL(path, 'http://localhost').pathname, response, answered);
      const { status } = response;
      const got = z.record(z.string(), z.unknown()).parse(answered);
      return { status, headers: response.headers, body: got, text };
    },
    dead: (userId, n) => deadDelivery({ store, clock, list: list(), userId, n }),
    [Symbol.dispose]: () => {
      opened.dispose();
    },
  };
}

const Operation = z.looseObject({
  operationId: z.string(),
  responses: z.record(z.string(), z.looseObject({ content: z.record(z.string(), z.unknown()) })),
});
const Document = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), Operation)),
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
});

export type DocumentedOperation = z.infer<typeof Operation> & {
  readonly method: string;
  readonly path: string;
};

/** All operations of a document. */
export function operationsOf(openApi: object): readonly DocumentedOperation[] {
  return Object.entries(Document.parse(openApi).paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, method, path })),
  );
}

/** Fails for an answer that the document does not describe. */
function checker(openApi: object) {
  const { Problem } = Document.parse(openApi).components.schemas;
  const patterns = operationsOf(openApi).map((operation) => ({
    ...operation,
    pattern: new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }));
  return (method: string, path: string, response: Response, body: unknown): void => {
    const operation = patterns.find(
      (known) => known.method === method.toLowerCase() && known.pattern.test(path),
    );
    if (operation === undefined || method === 'HEAD') return;
    const { operationId, responses } = operation;
    const documented = responses[String(response.status)];
    const name = `${operationId} ${response.status}`;
    if (documented === undefined) throw new Error(`${name} is not in the document`);
    const type = (response.headers.get('content-type') ?? '').replace(/;.*/, '');
    const content = z.looseObject({ schema: z.unknown() }).parse(documented.content[type]);
    const isProblem = type === 'application/problem+json';
    const schema = schemaFrom(isProblem ? Problem : content.schema);
    const parsed = schema.safeParse(body);
    if (!parsed.success) throw new Error(`${name} breaks its schema: ${parsed.error.message}`);
  };
}

const schemas = new Map<unknown, z.ZodType>();

function schemaFrom(json: unknown): z.ZodType {
  const known = schemas.get(json) ?? z.fromJSONSchema(z.looseObject({}).parse(json));
  schemas.set(json, known);
  return known;
}

export type Dying = {
  readonly store: EventStore;
  readonly clock: Clock;
  readonly list: DeliveryIndex;
  readonly userId: string;
  readonly n: number;
  /** Default `feishu`. */
  readonly channel?: string;
  /** Default `auth`. */
  readonly reason?: string;
};

/** Makes a dead delivery in the log and in the list; returns its id. */
export async function deadDelivery({
  store,
  clock,
  list,
  userId,
  n,
  channel = 'feishu',
  reason = 'auth',
}: Dying): Promise<string> {
  const notificationId = `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
  const stream = deliveryStream('tocsin', userId, notificationId);
  const records = deliveryContext({ store, runtime: systemRuntime(clock) });
  const now = clock.now();
  const facts = {
    notificationId,
    userId,
    triggerType: 'important_urgent_task',
    mock: false,
    channel,
    triggerId: `ast_${n}`,
    previewId: `asp_${n}`,
    source: { event: notificationId, stream: 'tocsin.trigger-00-x', revision: '0' },
    requestedAt: now,
    expiresAt: now + 3_600_000,
  };
  await changeDelivery(records, stream, { kind: 'accept', facts });
  await changeDelivery(records, stream, {
    kind: 'give_up',
    reason,
    detail: 'canary-detail',
  });
  const { state } = await deliveryDecider.load(store, stream);
  if (state?.phase.status !== 'dead') throw new Error('it did not die');
  let row: DeliveryRow | undefined;
  for await (const page of store.readStream(stream, { direction: 'forwards' })) {
    for (const recorded of page) {
      const decoded = deliveryCodec.decode(recorded);
      if (decoded.kind === 'event') {
        const { recordedAt } = decoded.metadata;
        row = rowAfter(row, decoded.event, { stream, recordedAt });
      }
    }
  }
  if (row === undefined) throw new Error('there is no row');
  list.commit({ position: { commit: BigInt(n), prepare: BigInt(n) }, rows: [row], marks: [] });
  return notificationId;
}

/** A channel port in memory. It accepts only https addresses. */
function channelsInMemory(): ApiChannels {
  const kept = new Map<string, ChannelView>();
  const name = ({ userId, channel }: { userId: string; channel: string }) => `${userId}/${channel}`;
  return {
    put({ url, enabled = true, bearerToken, secret, ...key }) {
      if (!url.startsWith('https://')) {
        const issues = [{ field: 'url', message: 'is not an https address' }];
        return Promise.resolve({ outcome: 'rejected', code: 'invalid_url', message: '', issues });
      }
      const channel = {
        ...key,
        userId: String(key.userId),
        configured: true as const,
        version: 1,
        kind: 'webhook' as const,
        enabled,
        urlMask: 'https://…',
        fingerprint: '0123456789ab',
        hasBearerToken: bearerToken !== undefined,
        hasSecret: secret !== undefined,
      };
      kept.set(name(channel), channel);
      return Promise.resolve({ outcome: 'changed', channel });
    },
    get: (key) => Promise.resolve(kept.get(name(key)) ?? { ...key, configured: false }),
    remove(key) {
      const outcome = kept.delete(name(key)) ? 'changed' : 'unchanged';
      return Promise.resolve({ outcome, channel: { ...key, configured: false } });
    },
    test(key) {
      const channel = kept.get(name(key));
      if (channel === undefined) {
        const rejected = { code: 'not_configured', message: 'there is none', issues: [] } as const;
        return Promise.resolve({ outcome: 'rejected', ...rejected });
      }
      const tested = { status: 'success', answer: 'accepted', code: '0' } as const;
      return Promise.resolve({ outcome: 'tested', ...tested, channel });
    },
  };
}
