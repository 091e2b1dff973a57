// The fold again, page by page, with what it needs to know of earlier pages in a state of its own.
// Replay, verify and rebuild differ only in what they do with the pages.
import { controlCodec } from '../../../domain/control/events.ts';
import { evolveControl, initialControl } from '../../../domain/control/state.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { controlStream } from '../../../domain/core/ids.ts';
import {
  checkpointOf,
  foldPage,
  initialFold,
  type FoldedPage,
  type FoldState,
  type List,
  type PlannedMessage,
} from '../../dedupe/fold.ts';
import { priorFor } from '../../dedupe/prior.ts';
import type { MessageNames } from '../../dedupe/messages.ts';
import { classify, type ClassifiedEvent } from '../../dedupe/classify.ts';
import type { ReadModel } from '../../read-model.ts';
import type { ReadableLog } from './ports.ts';

export type RefoldOptions = {
  readonly log: Pick<ReadableLog, 'readStream'>;
  readonly kernel: string;
  /** Where the fold keeps what it must find again; empty at the beginning. */
  readonly state: ReadModel;
  /** Which rows to keep: those that later verdicts depend on, or all of them. */
  readonly keep: 'notices' | 'all';
  /** The list that messages belong to; without one no message is made. */
  readonly list?: List;
  readonly names?: MessageNames;
  /** Where the page's messages really are, by id, if that is known better than by the rule. */
  readonly places?: (messages: readonly PlannedMessage[]) => Promise<ReadonlyMap<string, bigint>>;
  /** Event id of the list's `OutputOpened`, for the checkpoints that are kept. */
  readonly output?: string;
};

/** A page as it came out, and what went in. */
export type Refolded = FoldedPage & { readonly steps: readonly ClassifiedEvent[] };

export type Refold = {
  /** Folds the next events; they must be of the streams that the projection reads, in log order. */
  readonly page: (events: readonly RecordedEvent[]) => Promise<Refolded>;
  readonly state: () => FoldState;
};

const END = 2n ** 64n;
// Messages have no place without a list: one that begins after every position has none.
const NO_LIST: List = { after: { commit: END, prepare: END }, sequenceOf: () => 0n };
const NO_NAMES: MessageNames = { subjectRoot: '', source: '' };

/** Begins a fold at the log's beginning. */
export function refold(options: RefoldOptions): Refold {
  const { log, kernel, state, list = NO_LIST, names = NO_NAMES, output = null } = options;
  const parked = new Set<string>();
  let control = initialControl;
  let fold = initialFold;

  const page = async (events: readonly RecordedEvent[]): Promise<Refolded> => {
    for (const recorded of events) {
      const decoded = recorded.stream === controlStream(kernel) && controlCodec.decode(recorded);
      if (decoded !== false && decoded.kind === 'event') {
        control = evolveControl(control, decoded.event, recorded);
      }
    }
    const steps = events.map((recorded) => classify(kernel, recorded));
    const known = await priorFor({ log, kernel, state }, fold, steps, parked);
    const folded = foldPage(fold, steps, known, list, names);
    for (const event of folded.unparked) parked.delete(event);
    for (const { event } of folded.parked) parked.add(event);
    fold = folded.state;
    const places = await options.places?.(folded.messages);
    keep(places === undefined ? folded : placed(folded, places));
    return { ...folded, steps };
  };

  const keep = (folded: FoldedPage): void => {
    const sequence = list.sequenceOf(fold.ordinal);
    const identity = { storeId: control.storeId ?? '', output, sequence };
    const checkpoint = checkpointOf(folded.state, identity);
    const { sentNotifications, amended } = folded;
    state.commit({
      ...folded,
      ...(options.keep === 'all' ? {} : NOTHING_ELSE),
      sentNotifications,
      amended,
      checkpoint,
    });
  };

  return { page, state: () => fold };
}

const NOTHING_ELSE = {
  verdicts: [],
  recentMessages: [],
  parked: [],
  unparked: [],
  control: [],
} as const;

function placed(page: FoldedPage, places: ReadonlyMap<string, bigint>): FoldedPage {
  const tail = page.recentMessages.map((row) => ({
    ...row,
    sequence: places.get(row.id) ?? row.sequence,
  }));
  return {
    ...page,
    verdicts: page.verdicts.map((row) => {
      const sequence = row.messageId === null ? undefined : places.get(row.messageId);
      return sequence === undefined ? row : { ...row, sequence };
    }),
    recentMessages: tail.toSorted((a, b) => (a.sequence < b.sequence ? -1 : 1)),
  };
}
