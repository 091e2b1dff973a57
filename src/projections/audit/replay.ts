// Replay: every verdict again, from the log alone. There is no publisher in this file, nor in its types.
import { createHash } from 'node:crypto';
import { evolveControl, initialControl } from '../../domain/control/state.ts';
import { controlCodec } from '../../domain/control/events.ts';
import { controlStream } from '../../domain/core/ids.ts';
import type { EventStore, RecordedEvent } from '../../domain/ports/event-store.ts';
import { checkpointOf, foldPage, initialFold, type FoldState } from '../notification/fold.ts';
import { knownFor } from '../notification/known.ts';
import { projectionPrefixes, stepOf } from '../notification/steps.ts';
import type { ReadModel } from '../ports.ts';

/** What a replay needs of a log. */
export type ReadableLog = Pick<EventStore, 'readAll' | 'readStream'>;

/** What a replay found. The same log gives the same answer, on every machine, at any time. */
export type ReplayResult = {
  readonly events: number;
  readonly triggers: number;
  readonly published: number;
  readonly suppressed: number;
  readonly parked: number;
  /** SHA-256 over the sorted lines `user:type:windowStart` of the notices, each ended by LF. */
  readonly dedupeKeysSha256: string;
};

const PAGE_EVENTS = 512;

/**
 * Folds the log into `state`, which must be empty, up to its head on the way.
 *
 * @param state where verdicts are kept while folding; a temporary one keeps memory constant
 * @param progress told how many events were folded, once per page
 */
export async function replay(
  log: ReadableLog,
  state: ReadModel,
  kernel: string,
  progress: (events: number) => void = () => undefined,
): Promise<ReplayResult> {
  const prefixes = projectionPrefixes(kernel);
  let control = initialControl;
  let fold: FoldState = initialFold;
  const parked = new Set<string>();
  for await (const events of log.readAll({ direction: 'forwards', prefixes })) {
    for (let at = 0; at < events.length; at += PAGE_EVENTS) {
      const page = events.slice(at, at + PAGE_EVENTS);
      for (const recorded of page) {
        const decoded = recorded.stream === controlStream(kernel) && controlCodec.decode(recorded);
        if (decoded !== false && decoded.kind === 'event') {
          control = evolveControl(control, decoded.event, recorded);
        }
      }
      fold = await foldInto(log, state, kernel, fold, page, parked, control.storeId ?? '');
      progress(fold.counts.events);
    }
  }
  const { events, triggered, published, suppressed } = fold.counts;
  return {
    events,
    triggers: triggered,
    published,
    suppressed,
    parked: fold.counts.parked,
    dedupeKeysSha256: digestOf(state.dedupeKeys()),
  };
}

async function foldInto(
  log: ReadableLog,
  state: ReadModel,
  kernel: string,
  fold: FoldState,
  events: readonly RecordedEvent[],
  parked: Set<string>,
  storeId: string,
): Promise<FoldState> {
  const steps = events.map((recorded) => stepOf(kernel, recorded));
  const known = await knownFor({ log, kernel, state }, fold, steps, parked);
  // Messages have no place in a replay: a list that begins after every position has none.
  const page = foldPage(fold, steps, known, NO_LIST, NO_NAMES);
  for (const event of page.unparked) parked.delete(event);
  for (const { event } of page.parked) parked.add(event);
  const checkpoint = checkpointOf(page.state, { storeId, output: null, sequence: 0n });
  state.commit({ ...page, checkpoint });
  return page.state;
}

const END = 2n ** 64n;
const NO_LIST = { after: { commit: END, prepare: END }, sequenceOf: () => 0n };
const NO_NAMES = { subjectRoot: '', source: '' };

function digestOf(lines: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const line of lines) hash.update(`${line}\n`);
  return hash.digest('hex');
}
