// `notary`: the projector with a notary in its process, against the projector alone; and a proof of one notification
// among a million events.
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureNotaryKey } from '../../src/adapters/notary/key-file.ts';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { startNatsServer } from '../../src/adapters/nats/server.ts';
import { sqliteNotaryState } from '../../src/adapters/sqlite/notary-state.ts';
import { sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { formatInstant } from '../../src/domain/core/instants.ts';
import { formatPosition } from '../../src/domain/core/positions.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openNotary } from '../../src/kernel/open-notary.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { prove } from '../../src/projections/audit/proof/prove.ts';
import { verifyProof } from '../../src/projections/audit/proof/verify-proof.ts';
import type { ReadableLog } from '../../src/projections/audit/reading/ports.ts';
import { Frontier } from '../../src/projections/notary/frontier.ts';
import { hexOf, signedHead, type TreeHead } from '../../src/projections/notary/head.ts';
import { leafOf } from '../../src/projections/notary/leaf.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';
import { raiseInputs } from '../support/inputs.ts';
import { interleave } from '../support/interleave.ts';
import { deleteStream, STREAM } from '../support/messages.ts';
import { fillStore } from '../support/store.ts';

/** As `tocsin start` has it. */
const SHARE = 0.05;
const EVERY_MS = 1_000;
const CHECKS = 50;
const PAGE = 500;

export async function benchNotary(surroundings: Surroundings): Promise<Report> {
  const { rounds } = surroundings.sizes;
  const cost = await costOf(surroundings);
  const proof = await proofOf(surroundings);
  return {
    case: 'notary',
    figures: { unit: 'messages/s', ...cost, proof },
    targets: [
      { what: 'projector with a notary / alone', reached: cost.ratio.median, atLeast: 0.9 },
      { what: 'bytes of a proof', reached: proof.bytes, below: 20 * 1024 },
      { what: 'seconds of its check', reached: proof.seconds, below: 0.5 },
    ],
    lines: [
      `projector alone            ${shown(cost.alone)} messages/s`,
      `projector with a notary    ${shown(cost.together)} messages/s`,
      `ratio ${shown(cost.ratio.median, 3)} (${shown(cost.ratio.min, 3)} to ${shown(cost.ratio.max, 3)} over ${rounds} rounds)`,
      `CPU time of the process    ratio ${shown(cost.cpu.median, 3)}`,
      `proof of one notification among ${shown(proof.leaves)} events  ${shown(proof.bytes)} bytes, checked in ${shown(proof.seconds * 1000, 1)} ms`,
    ],
  };
}

async function costOf({ sizes, folder, say }: Surroundings) {
  const { rounds, requests } = sizes;
  const log = join(folder, 'log.db');
  say('notary: filling the log');
  await fillStore(log, requests);
  const { signer } = ensureNotaryKey(join(folder, 'notary.key'), Date.now());
  await using server = await startNatsServer({ storeDir: join(folder, 'nats') });
  const round = join(folder, 'round');

  const project = async (hasNotary: boolean): Promise<number> => {
    await rm(round, { recursive: true, force: true });
    await mkdir(round);
    const file = join(round, 'log.db');
    await copyFile(log, file);
    await using store = await embeddedStore({ file, holder: 'npm run bench' });
    using read = sqliteReadModel({ file: join(round, 'state.db') });
    using state = sqliteNotaryState({ file: join(round, 'notary.db') });
    const output = jetStreamOutput({ servers: server.url, stream: STREAM });
    const projector = openProjector({ store, output, state: read });
    const stop = new AbortController();
    const running = hasNotary
      ? openNotary({
          ...{ log: store, state, signer, outputs: [], share: SHARE, everyMs: EVERY_MS },
        }).run(stop.signal)
      : Promise.resolve();
    const begun = performance.now();
    const { triggered, published } = await projector.once();
    const seconds = (performance.now() - begun) / 1000;
    stop.abort();
    await running;
    await deleteStream(server.url);
    if (hasNotary && state.read() === undefined) throw new Error('the notary has read nothing');
    return (triggered + published) / seconds;
  };

  const contenders = new Map([
    ['together', () => project(true)],
    ['alone', () => project(false)],
  ]);
  const found = await interleave(rounds, contenders, (text) => {
    say(`notary, ${text}`);
  });
  return {
    alone: found.median('alone'),
    together: found.median('together'),
    ratio: found.ratio('together', 'alone'),
    cpu: found.cpuRatio('together', 'alone'),
  };
}

/** One real trigger in the middle of copies of it under other names: as many leaves as a log of that size has. */
async function proofOf({ sizes, folder, say }: Surroundings) {
  const file = join(folder, 'proof.db');
  await using store = await embeddedStore({ file, holder: 'npm run bench' });
  await using kernel = await openKernel({ ...scheduleProduct, store });
  const [input] = raiseInputs(1);
  const raised = input === undefined ? undefined : await kernel.raise(input);
  if (raised?.outcome !== 'raised') throw new Error('the request of the bench was not raised');
  const real: RecordedEvent[] = [];
  for await (const page of store.readAll({ direction: 'forwards', prefixes: ['tocsin.'] }))
    real.push(...page);
  const log = largeLog(store, real, sizes.lines);
  say(`notary: the leaves of ${shown(sizes.lines)} events`);
  const tree = new Frontier();
  let last: RecordedEvent | undefined;
  for await (const page of log.readAll({ direction: 'forwards', prefixes: [] })) {
    for (const event of page) tree.add(leafOf(event));
    last = page.at(-1);
  }
  const { signer, published } = ensureNotaryKey(join(folder, 'proof.key'), Date.now());
  const position = last === undefined ? '0/0' : formatPosition(last.position);
  const time = formatInstant(Date.now());
  const about = { store: kernel.storeId, size: tree.size, position, time };
  const head: TreeHead = signedHead({ ...about, root: hexOf(tree.root()) }, signer);
  say('notary: the proof');
  const made = await prove({ log, kernel: 'tocsin', id: raised.triggerId, head, personal: true });
  const text = JSON.stringify(made);
  const keys = JSON.stringify(published);
  const begun = performance.now();
  for (let n = 0; n < CHECKS; n += 1) {
    const { faults, events } = verifyProof(text, keys);
    if (faults.length > 0 || events.length < 3) throw new Error('the proof of the bench is wrong');
  }
  const seconds = (performance.now() - begun) / 1000 / CHECKS;
  return { leaves: tree.size, bytes: Buffer.byteLength(text), seconds };
}

/** The real events, with copies of those of the trigger before and after them. */
function largeLog(
  store: Pick<ReadableLog, 'readStream'>,
  real: readonly RecordedEvent[],
  size: number,
): ReadableLog {
  const control = real.filter(({ stream }) => !stream.includes('.trigger-'));
  const story = real.filter(({ stream }) => stream.includes('.trigger-'));
  const middle = control.length + story.length * Math.floor(size / story.length / 2);
  const at = (index: number): RecordedEvent => {
    const own = control[index];
    if (own !== undefined) return placed(own, index);
    const n = Math.floor((index - control.length) / story.length);
    const event = story[(index - control.length) % story.length];
    if (event === undefined) throw new RangeError(`no event ${index}`);
    const isReal = index >= middle && index < middle + story.length;
    return placed(isReal ? event : copied(event, n), index);
  };
  return {
    readStream: (...args) => store.readStream(...args),
    async *readAll({ direction, maxCount = size }) {
      await Promise.resolve();
      for (let from = 0; from < Math.min(size, maxCount); from += PAGE) {
        const length = Math.min(PAGE, size - from, maxCount - from);
        yield Array.from({ length }, (_, n) =>
          at(direction === 'forwards' ? from + n : size - 1 - from - n),
        );
      }
    },
  };
}

function placed(event: RecordedEvent, index: number): RecordedEvent {
  const commit = BigInt(index + 1) * 100n;
  return { ...event, position: { commit, prepare: commit } };
}

function copied(event: RecordedEvent, n: number): RecordedEvent {
  const tail = n.toString(16).padStart(12, '0');
  const other = (text: string): string => `${text.slice(0, -12)}${tail}`;
  return { ...event, id: other(event.id), stream: other(event.stream) };
}
