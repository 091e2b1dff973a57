// `one-user`: many raises of one user through a server that answers some milliseconds late, against the same raises one
// after another. The order of the user is the same in both.
import { createServer, Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';
import { raiseInputs } from '../support/inputs.ts';
import { alternate, type Measured } from '../support/rounds.ts';
import { IN_FLIGHT } from '../support/store.ts';
import { linesOf, serverIn } from './front.ts';

const RAISES = 1_000;
/** As a server in the next machine that syncs its disk. */
const LATE_MS = 3;

export async function benchOneUser({ sizes, folder, say }: Surroundings): Promise<Report> {
  await using server = await serverIn(join(folder, 'one-user'));
  await using link = await lateLink(Number(new URL(server.url).port));
  const connectionString = `esdb://127.0.0.1:${link.port}?tls=false`;
  await using store = eventStoreDb({ connectionString });
  await using kernel = await openKernel({ ...scheduleProduct, store });
  let users = 0;
  const inputs = (): RaiseInput[] => {
    users += 1;
    const userId = `one-user-${users}`;
    return Array.from(raiseInputs(RAISES), (input, n) => ({ ...input, userId, targetId: n + 1 }));
  };
  const product = (): Promise<Measured> =>
    timed(async () => {
      for await (const { outcome } of kernel.raiseAll(inputs(), { concurrency: IN_FLIGHT })) {
        if (outcome !== 'raised')
          throw new Error(`a request of the bench was answered: ${outcome}`);
      }
    });
  const limit = (): Promise<Measured> =>
    timed(async () => {
      for (const input of inputs()) {
        const { outcome } = await kernel.raise(input);
        if (outcome !== 'raised')
          throw new Error(`a request of the bench was answered: ${outcome}`);
      }
    });
  const paired = await alternate(sizes.rounds, { product, limit }, (n) => {
    say(`one-user, round ${n} of ${sizes.rounds}`);
  });
  return {
    case: 'one-user',
    figures: { unit: 'raises/s', raises: RAISES, lateMs: LATE_MS, inFlight: IN_FLIGHT, ...paired },
    targets: [{ what: 'raiseAll / one after another', reached: paired.ratio.median, atLeast: 5 }],
    lines: [
      `answers ${shown(LATE_MS)} ms late`,
      ...linesOf(paired, 'kernel.raiseAll, one user', 'one raise after another', 'raises/s'),
    ],
  };
}

async function timed(work: () => Promise<void>): Promise<Measured> {
  const begun = performance.now();
  await work();
  return { units: RAISES, seconds: (performance.now() - begun) / 1000 };
}

/** A way to a local port on which answers come late, and in order. */
async function lateLink(to: number): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = new Socket().connect(to, '127.0.0.1').setNoDelay(true);
    const end = (): void => {
      for (const socket of [near, far]) sockets.delete(socket.destroy());
    };
    for (const socket of [near, far]) sockets.add(socket.on('error', end).on('close', end));
    near.on('data', (chunk) => far.write(chunk));
    far.on('data', (chunk) => {
      setTimeout(() => {
        if (!near.destroyed) near.write(chunk);
      }, LATE_MS);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
