// `verify`: log, read model and stream against each other, and `replay` beside it, against a bare scan of
// the same log through the same store: every event read and parsed, nothing decided.
import { join } from 'node:path';
import { embeddedReader } from '../../src/adapters/eventstore/embedded/store.ts';
import { jetStreamReader } from '../../src/adapters/nats/reader.ts';
import { startNatsServer } from '../../src/adapters/nats/server.ts';
import { openReadModelReader, temporaryReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { createAudit } from '../../src/kernel/create-audit.ts';
import type { MessageReader } from '../../src/projections/audit/ports.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';
import { alternate, type Measured, type Paired } from '../support/rounds.ts';
import { fillStore, projectInto } from '../support/store.ts';

/** What both have to reach, as a share of the bare scan's speed. */
const SHARE = 0.4;
/** Of the three events of a request two become a message. */
const MESSAGES_PER_EVENT = 2 / 3;

export async function benchVerify({ sizes, folder, say }: Surroundings): Promise<Report> {
  const { rounds, requests } = sizes;
  const files = { store: join(folder, 'verify.db'), state: join(folder, 'verify-state.db') };
  say('verify: filling log, read model and stream');
  await fillStore(files.store, requests);
  await using server = await startNatsServer({ storeDir: join(folder, 'nats-verify') });
  await projectInto(files, server.url);
  await using log = embeddedReader(files.store);
  await using messages = await jetStreamReader({ servers: server.url });
  using state = openReadModelReader(files.state, { snapshot: true });
  const audit = createAudit({ log, scratch: temporaryReadModel, state, messages });

  const timed = async (work: () => Promise<number>): Promise<Measured> => {
    const begun = performance.now();
    const units = await work();
    return { units, seconds: (performance.now() - begun) / 1000 };
  };
  const scan = () =>
    timed(async () => {
      let events = 0;
      for await (const page of log.readAll({ direction: 'forwards', prefixes: [] })) {
        events += page.length;
      }
      return events;
    });
  const against = (what: string, product: () => Promise<Measured>): Promise<Paired> =>
    alternate(rounds, { product, limit: scan }, (n) => {
      say(`${what}, round ${n} of ${rounds}`);
    });
  const replayed = await against('replay', () => timed(async () => (await audit.replay()).events));
  const verified = await against('verify', () =>
    timed(async () => {
      const { events, mismatches } = await audit.verify();
      if (mismatches.length > 0) throw new Error('what nobody touched has differences');
      return events;
    }),
  );
  const stream = await against('stream', () => timed(() => readStream(messages)));
  const line = (what: string, { product, limit, ratio }: Paired): string =>
    `${what}  ${shown(product.median)} of ${shown(limit.median)} events/s, ratio ${shown(ratio.median, 3)} (${shown(ratio.min, 3)} to ${shown(ratio.max, 3)})`;
  return {
    case: 'verify',
    figures: { unit: 'events/s', events: requests * 3, replay: replayed, verify: verified, stream },
    targets: [
      { what: 'replay: share of a bare scan', reached: replayed.ratio.median, atLeast: SHARE },
      { what: 'verify: share of a bare scan', reached: verified.ratio.median, atLeast: SHARE },
    ],
    lines: [
      line('audit replay', replayed),
      line('audit verify', verified),
      `bare read of the stream  ${shown(stream.product.median)} messages/s; with it and a scan alone, verify would reach ${shown(mostOf(stream, MESSAGES_PER_EVENT), 3)}`,
    ],
  };
}

/** Every message of the stream, not looked at. */
async function readStream(messages: MessageReader): Promise<number> {
  const info = await messages.info();
  let read = 0;
  for await (const batch of messages.messages(1n, info?.lastSequence ?? 0n)) read += batch.length;
  return read;
}

/** The share of a scan that is left when the stream is read after it, and nothing else is done. */
function mostOf({ product, limit }: Paired, messagesPerEvent: number): number {
  const [scan, stream] = [1 / limit.median, messagesPerEvent / product.median];
  return scan / (scan + stream);
}
