import * as runner from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { createFront, type Front } from '../../src/adapters/eventstore/front/front.ts';
import { SERVER_VERSIONS } from '../../src/adapters/eventstore/front/server-version.ts';
import { eventStoreContract } from '../../src/facade/contracts/event-store.ts';
import {
  ALL_PROMISES,
  PROMISES_OF_SERVERS,
} from '../../src/facade/contracts/event-store-support.ts';

/** Every version with one client; the other client makes the same calls. */
const RUNS = [
  ...[undefined, ...SERVER_VERSIONS].map((like) => ({ like, client: 'eventstore' })),
  { like: undefined, client: 'kurrentdb' },
] as const;

describe.each(RUNS)(
  'eventStoreDb with $client through the front like $like',
  ({ like, client }) => {
    const directory = mkdtempSync(join(tmpdir(), 'tocsin-esdb-'));
    const file = join(directory, 'events.db');
    let front: Front;
    const open = () => eventStoreDb({ connectionString: `${front.url}&client=${client}` });
    // One server for all tests, as in production; the suite keeps to prefixes of its own.
    beforeAll(async () => {
      front = await createFront({ file, like });
    });
    afterAll(async () => {
      await front.close();
      rmSync(directory, { recursive: true });
    });

    eventStoreContract(
      runner,
      'the EventStoreDB adapter',
      () => {
        let store = open();
        return Promise.resolve({
          store,
          async reopen() {
            await store[Symbol.asyncDispose]();
            await front.close();
            front = await createFront({ file, like });
            store = open();
            return store;
          },
          cleanup: async () => store[Symbol.asyncDispose](),
        });
      },
      like === undefined ? ALL_PROMISES : PROMISES_OF_SERVERS,
    );
  },
);

// A server in use will do; $all must be readable.
const real = process.env['TOCSIN_TEST_ESDB'];
const needed = real === undefined ? ' [needs TOCSIN_TEST_ESDB]' : '';
describe.skipIf(real === undefined)(`eventStoreDb with a real server${needed}`, () => {
  eventStoreContract(
    runner,
    'the EventStoreDB adapter',
    () => {
      let store = eventStoreDb({ connectionString: real ?? '' });
      return Promise.resolve({
        store,
        async reopen() {
          await store[Symbol.asyncDispose]();
          store = eventStoreDb({ connectionString: real ?? '' });
          return store;
        },
        cleanup: async () => store[Symbol.asyncDispose](),
      });
    },
    PROMISES_OF_SERVERS,
  );
});
