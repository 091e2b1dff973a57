// Folds the log from its beginning, with its rows in a read model of its own. Replay, verify and rebuild
// differ only in what they do with the pages.
import { controlCodec } from '../../../domain/control/events.ts';
import { evolveControl, initialControl } from '../../../domain/control/state.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { controlStream } from '../../../domain/core/ids.ts';
import type { ClassifiedEvent } from '../../dedupe/classify.ts';
import type { MessageNames } from '../../dedupe/messages.ts';
import {
  NO_MESSAGES,
  type FoldedPage,
  type Numbering,
  type PlannedMessage,
} from '../../dedupe/page.ts';
import type { Rulesets } from '../../dedupe/rulesets.ts';
import { FoldSession } from '../../dedupe/session.ts';
import { checkpointOf, type FoldState } from '../../dedupe/state.ts';
import { NO_ROWS, type ReadModel, type ReadModelCommit } from '../../read-model.ts';
import type { ReadableLog } from './ports.ts';

export type RefoldOptions = {
  readonly log: Pick<ReadableLog, 'readStream'>;
  readonly kernel: string;
  /** Where the fold keeps its rows; empty at the beginning. */
  readonly state: ReadModel;
  /** Which rows to keep: those that later verdicts depend on, or all of them. */
  readonly keep: 'sent' | 'all';
  /** The generation that messages belong to; without it no message is made. */
  readonly numbering?: Numbering | undefined;
  readonly names?: MessageNames;
  /** Default: the shipped rulesets. */
  readonly rulesets?: Rulesets | undefined;
  /** The sequences that the page's messages really have, by id, where they are known better. */
  readonly sequences?: (
    messages: readonly PlannedMessage[],
  ) => Promise<ReadonlyMap<string, bigint>>;
  /** Event id of the generation's `OutputOpened`, for the checkpoints that are kept. */
  readonly output?: string;
};

export type Refolded = FoldedPage & { readonly events: readonly ClassifiedEvent[] };

export type Refold = {
  /** Folds the next events; they must be of the streams that the projection reads, in log order. */
  readonly page: (events: readonly RecordedEvent[]) => Promise<Refolded>;
  readonly state: () => FoldState;
};

export function refold(options: RefoldOptions): Refold {
  const { log, kernel, state, numbering = NO_MESSAGES, names, rulesets, output = null } = options;
  const session = new FoldSession({ kernel, log, readModel: state, rulesets, numbering, names });
  let control = initialControl;

  const page = async (recordedEvents: readonly RecordedEvent[]): Promise<Refolded> => {
    for (const recorded of recordedEvents) {
      const decoded = recorded.stream === controlStream(kernel) && controlCodec.decode(recorded);
      if (decoded !== false && decoded.kind === 'event') {
        control = evolveControl(control, decoded.event, recorded);
      }
    }
    const { page: folded, events } = await session.fold(recordedEvents);
    const sequences = await options.sequences?.(folded.messages);
    keep(sequences === undefined ? folded : withSequences(folded, sequences));
    session.committed(folded);
    return { ...folded, events };
  };

  const keep = (folded: FoldedPage): void => {
    const sequence = numbering.sequenceOf(folded.state.ordinal);
    const identity = { storeId: control.storeId ?? '', output, sequence };
    const checkpoint = checkpointOf(folded.state, identity);
    const rows = options.keep === 'all' ? folded : deciding(folded);
    state.commit({ ...rows, checkpoint });
  };

  return { page, state: () => session.state };
}

/** The rows that later verdicts and messages depend on. */
export function deciding(page: FoldedPage): Omit<ReadModelCommit, 'checkpoint'> {
  const { sentNotifications, amended, suppressedRequests, mutedRequests, releasedRequests } = page;
  const muted = { mutedRequests, releasedRequests };
  return { ...NO_ROWS, sentNotifications, amended, suppressedRequests, ...muted };
}

function withSequences(page: FoldedPage, sequences: ReadonlyMap<string, bigint>): FoldedPage {
  return {
    ...page,
    verdicts: page.verdicts.map((row) => {
      const sequence = row.messageId === null ? undefined : sequences.get(row.messageId);
      return sequence === undefined ? row : { ...row, sequence };
    }),
    recentMessages: page.recentMessages
      .map((row) => ({ ...row, sequence: sequences.get(row.id) ?? row.sequence }))
      .sort((a, b) => (a.sequence < b.sequence ? -1 : 1)),
  };
}
