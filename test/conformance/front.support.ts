// Shared by the conformance tests: the unmodified official client and a front with an empty store.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import {
  binaryEvent,
  EventStoreDBClient,
  jsonEvent,
  type AppendToStreamOptions,
  type EventData,
} from '@eventstore/db-client';
import {
  createFront,
  type Front,
  type FrontOptions,
} from '../../src/adapters/eventstore/front/front.ts';

export type Served = {
  readonly client: () => EventStoreDBClient;
  readonly url: () => string;
  readonly file: () => string;
};

/** A new server of the user's to run against instead of the front, at a connection string without TLS. */
const realServer = process.env['TOCSIN_TEST_ESDB'];

/** True for a real server: tests of the front's own limits and kindnesses are left out. */
export const isReal = realServer !== undefined;

/** A front for the tests of one file or one group, on an empty store; or the real server. */
export function served(options: Omit<FrontOptions, 'file'> = {}): Served {
  let directory: string;
  let front: Front | undefined;
  let url = '';
  let client: EventStoreDBClient;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'tocsin-front-'));
    if (realServer !== undefined && options.like === undefined) {
      url = realServer;
    } else {
      front = await createFront({ ...options, file: join(directory, 'events.db') });
      ({ url } = front);
    }
    client = EventStoreDBClient.connectionString(url);
  });
  afterAll(async () => {
    await client.dispose();
    await front?.close();
    rmSync(directory, { recursive: true });
  });
  return {
    client: () => client,
    url: () => url,
    file: () => join(directory, 'events.db'),
  };
}

/** The client's method uses `BatchAppend`, and the older `Append` when the call has credentials. */
export const APPEND_CALLS: readonly (readonly [string, AppendToStreamOptions])[] = [
  ['BatchAppend', {}],
  ['Append', { credentials: { username: 'anybody', password: 'anything' } }],
];

/** JSON events, numbered from 0, in the sizes that the limits are tested with: 40 bytes each. */
export function jsonEvents(count: number, type = 'test'): EventData[] {
  return Array.from({ length: count }, (_, index) =>
    jsonEvent({ type, data: { message: 'test', index } }),
  );
}

export function bytesEvents(count: number, type = 'test'): EventData[] {
  return Array.from({ length: count }, (_, n) =>
    binaryEvent({ type, data: Buffer.from(`hello: ${n}`) }),
  );
}

export async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const one of stream) list.push(one);
  return list;
}

/** The error of the rejected promise, which must have the given class. */
export async function failure<T extends Error>(
  work: Promise<unknown>,
  type: abstract new (...args: never[]) => T,
): Promise<T> {
  const error: unknown = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(type);
  if (error instanceof type) return error;
  throw new Error('no such error');
}

let names = 0;
/** A real server keeps the streams of earlier runs and of other files. */
const RUN = isReal ? `-${crypto.randomUUID().slice(0, 8)}` : '';

/** A unique stream name. */
export function aStream(prefix = 'stream'): string {
  names += 1;
  return `${prefix}${RUN}-${names}`;
}
