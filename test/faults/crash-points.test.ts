// A SIGKILL of a real process at each point between two effects, on a real log, server and file; each
// is followed by a restart, and by a comparison with what an oracle makes of the log.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SMALL_WORK_EFFECTS, smallWork, type SmallWork } from '../harness/small-work.ts';
import { readModelFault, storedIds } from '../harness/verify.ts';
import { compareLists, decideLog } from '../oracle/log-oracle.ts';
import { compileCache } from '../support/compile-cache.ts';
import { rawStream } from '../support/jetstream.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const program = fileURLToPath(new URL('../harness/crashing.ts', import.meta.url));

/** Each effect, at each of its moments. */
const points = SMALL_WORK_EFFECTS.flatMap((effect) =>
  (effect === 'commit' ? ['before', 'after'] : ['before', 'sent', 'after']).map(
    (moment) => `${effect} ${moment}`,
  ),
);

let nats: TestNatsServer;
let root: string;
beforeAll(async () => {
  nats = await testNatsServer();
  root = mkdtempSync(join(tmpdir(), 'tocsin-points-'));
});
afterAll(async () => {
  await nats[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

const work = (name: string, fromNow = false): SmallWork => {
  return { folder: join(root, name), servers: nats.url, stream: name, fromNow };
};

/** Runs the work in a process that dies at the point; the signal that ended it. */
async function died(
  { folder, servers, stream, fromNow }: SmallWork,
  point: string,
): Promise<string> {
  const way = fromNow ? ['from_now'] : [];
  const env = { ...process.env, NODE_COMPILE_CACHE: compileCache };
  const { promise, resolve } = Promise.withResolvers<string>();
  const args = [program, folder, servers, stream, point, ...way];
  execFile(process.execPath, args, { env }, (error, _stdout, stderr) => {
    resolve(error?.signal ?? `it did not die: ${stderr}`);
  });
  return promise;
}

describe('process that dies at an effect', () => {
  test.concurrent.each(points.map((point, n) => [point, `P${n}`] as const))(
    'loses no message and stores none twice after a death at `%s`',
    { timeout: SLOW_TEST_MS },
    async (point, name) => {
      expect(await died(work(name), point)).toBe('SIGKILL');
      await smallWork(work(name));
      const decided = decideLog(join(root, name, 'store.db'));
      expect(decided.scopes).toHaveLength(4);
      const ids = decided.messages.map(({ id }) => id);
      expect(compareLists(ids, await storedIds(nats.url, name)).examples).toEqual([]);
      expect(readModelFault(join(root, name, 'state.db'), decided)).toBe('right');
    },
  );

  test.concurrent.each([
    ['reset before', 'R0'],
    ['reset after', 'R1'],
  ] as const)(
    'sends no history after a death at `%s` with --from-now',
    { timeout: SLOW_TEST_MS },
    async (point, name) => {
      await smallWork(work(name));
      await using stream = await rawStream(nats.url, name);
      const { streams } = await stream.client.jetstreamManager();
      const { config } = await streams.info(name);
      await streams.delete(name);
      await streams.add(config);
      expect(await died(work(name, true), point)).toBe('SIGKILL');
      await smallWork(work(name, true));
      // Its lines were raised before the operator's decision, as all others.
      expect(await storedIds(nats.url, name)).toEqual([]);
    },
  );
});
