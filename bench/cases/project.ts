// `project`: the projector over an embedded store, every event published, against a bare publisher of
// the same messages on the same server.
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { startNatsServer } from '../../src/adapters/nats/server.ts';
import { sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import type { Output, OutputMessage } from '../../src/projections/output.ts';
import { barePublisher, type ReadyMessage } from '../limits/bare-publisher.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';
import {
  createStream,
  deleteStream,
  noting,
  ready as readyOf,
  STREAM,
} from '../support/messages.ts';
import { alternate, type Measured } from '../support/rounds.ts';
import { fillStore } from '../support/store.ts';

export async function benchProject({ sizes, folder, say }: Surroundings): Promise<Report> {
  const { rounds, requests } = sizes;
  const log = join(folder, 'log.db');
  say('project: filling the log');
  await fillStore(log, requests);
  await using server = await startNatsServer({ storeDir: join(folder, 'nats') });
  const round = join(folder, 'round');
  let ready: readonly ReadyMessage[] | undefined;

  const product = async (): Promise<Measured> => {
    await rm(round, { recursive: true, force: true });
    await mkdir(round);
    await copyFile(log, join(round, 'log.db'));
    const plain = jetStreamOutput({ servers: server.url, stream: STREAM });
    const sent: OutputMessage[] = [];
    // The warm-up round notes what is sent; the limit sends the same ever after.
    const output = ready === undefined ? noting(plain, sent) : plain;
    const seconds = await project(round, output, requests);
    ready ??= sent.map(readyOf);
    await deleteStream(server.url);
    return { units: ready.length, seconds };
  };

  const limit = async (): Promise<Measured> => {
    const messages = ready ?? [];
    await createStream(server.url);
    const seconds = await barePublisher(server.url, STREAM, messages);
    await deleteStream(server.url);
    return { units: messages.length, seconds };
  };

  const paired = await alternate(rounds, { product, limit }, (n) => {
    say(`project, round ${n} of ${rounds}`);
  });
  const { ratio } = paired;
  return {
    case: 'project',
    figures: { unit: 'messages/s', messages: ready?.length ?? 0, ...paired },
    targets: [{ what: 'projector / bare publisher', reached: ratio.median, atLeast: 0.25 }],
    lines: [
      `projector, every event published  ${shown(paired.product.median)} messages/s (${shown(paired.product.median * 1.5)} events/s)`,
      `bare fenced pipelined publisher   ${shown(paired.limit.median)} messages/s`,
      `ratio ${shown(ratio.median, 3)} (${shown(ratio.min, 3)} to ${shown(ratio.max, 3)} over ${rounds} rounds)`,
    ],
  };
}

/** One projector run from an empty state to the log's head; connecting and first writes included. */
export async function project(folder: string, output: Output, requests: number): Promise<number> {
  const file = join(folder, 'log.db');
  await using store = await embeddedStore({ file, holder: 'npm run bench' });
  using state = sqliteReadModel({ file: join(folder, 'state.db') });
  const projector = openProjector({ store, output, state });
  const begun = performance.now();
  const { triggered, published } = await projector.once();
  const seconds = (performance.now() - begun) / 1000;
  if (triggered !== requests || published !== requests) {
    throw new Error(`${triggered} triggers and ${published} notifications, not ${requests} each`);
  }
  return seconds;
}
