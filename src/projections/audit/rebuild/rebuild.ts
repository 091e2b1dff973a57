// Rebuild: a fresh read model from the log, at a place up to which the output stream holds everything,
// so that a projector goes on from it without sending anything twice. Nothing is sent from here.
import { TocsinError } from '../../../domain/core/errors.ts';
import { comparePositions, parsePosition, type Position } from '../../../domain/core/positions.ts';
import { checkpointOf } from '../../dedupe/state.ts';
import type { MessageNames } from '../../dedupe/messages.ts';
import { projectionPrefixes } from '../../dedupe/classify.ts';
import type { OutputInfo, StoredMessage } from '../../output.ts';
import type { Checkpoint, ReadModel } from '../../read-model.ts';
import { identityOf } from '../../publisher/sequence-map.ts';
import { controlAt, listOf, startOf, headOf, kernelEvents } from '../reading/reading.ts';
import type { MessageReader, ReadableLog } from '../reading/ports.ts';
import { refold } from '../reading/refold.ts';
import { Findings } from '../verify/mismatches.ts';
import { StoredList } from '../verify/stored-list.ts';

export type RebuildOptions = {
  readonly log: ReadableLog;
  readonly kernel: string;
  readonly output: MessageReader;
  /** The fresh read model; empty. */
  readonly state: ReadModel;
  /** What the one to be replaced had reached, if it can still be read. */
  readonly live: Checkpoint | undefined;
  /** Not further than this. */
  readonly to?: Position | undefined;
  readonly names: MessageNames;
  readonly progress?: (events: number, at: Position) => void;
};

export type RebuildResult = {
  readonly events: number;
  readonly published: number;
  readonly suppressed: number;
  readonly parked: number;
  readonly checkpoint: Position;
  readonly outputSequence: bigint;
};

/**
 * Folds the log into `state`: up to where the live one was, if the stream holds all of that, else up to
 * the event of the stream's last message.
 *
 * @throws TocsinError `refused` when nothing was ever sent, or the stream is not what the log gives:
 * a projector on such a read model could send twice or lose
 */
export async function rebuild(options: RebuildOptions): Promise<RebuildResult> {
  const { log, kernel, output, state, names } = options;
  const info = await output.info();
  const head = await headOf(log, kernel);
  const control = await controlAt(log, kernel, head);
  const list = listOf(control, undefined);
  if (list === undefined || head === undefined) throw nothingSent();
  if (info?.stream !== list.stream || info.created !== list.created) throw otherStream(list.stream);
  const cut = await cutOf(options, info, list.id);
  const start = startOf(control, list);
  const findings = new Findings();
  await using stored = new StoredList(
    output.messages(start, info.lastSequence),
    { base: start - 1n, firstSequence: info.firstSequence, committed: info.lastSequence },
    findings,
  );
  let reached = start - 1n;
  const fold = refold({
    log,
    kernel,
    state,
    keep: 'all',
    names,
    output: list.id,
    numbering: { after: list.after, sequenceOf: (ordinal) => list.base + ordinal },
    sequences: async (messages) => {
      const places = await stored.expect(messages);
      for (const sequence of places.values()) if (sequence > reached) reached = sequence;
      return places;
    },
  });
  const prefixes = projectionPrefixes(kernel);
  for await (const events of kernelEvents(log, kernel, cut)) {
    const own = events.filter(({ stream }) => prefixes.some((prefix) => stream.startsWith(prefix)));
    if (own.length > 0) await fold.page(own);
    options.progress?.(fold.state().counts.events, fold.state().position);
    if (findings.total > 0) throw disagrees(findings);
  }
  const folded = fold.state();
  // What is no longer held has its place by the count.
  const counted = list.base + folded.ordinal;
  const sequence = stored.compared === 0 ? counted : reached;
  const identity = { storeId: control.state.storeId ?? '', output: list.id, sequence };
  const checkpoint = { ...checkpointOf(folded, identity), position: cut };
  state.commit({
    checkpoint,
    sentNotifications: [],
    amended: [],
    verdicts: [],
    recentMessages: [],
    parked: [],
    unparked: [],
  });
  const { events, published, suppressed, parked } = folded.counts;
  return { events, published, suppressed, parked, checkpoint: cut, outputSequence: sequence };
}

async function cutOf(
  { output, live, to, kernel, log }: RebuildOptions,
  info: OutputInfo,
  list: string,
): Promise<Position> {
  const isWhole = live?.output === list && live.sequence <= info.lastSequence;
  const most = isWhole ? live.position : await lastSource(output, info);
  if (to === undefined) return most;
  if (comparePositions(to, most) <= 0) return to;
  // Where nothing lies between the two, they are the same place.
  const [event] = await eventBefore(log, kernel, to);
  if (event !== undefined && comparePositions(event.position, most) <= 0) return most;
  throw new TocsinError(
    'usage',
    'cut_too_late',
    'the stream does not hold everything up to there',
    {
      hint: 'Leave --to out: the read model is built up to where the stream is, and `tocsin project` goes on.',
    },
  );
}

async function eventBefore(log: ReadableLog, kernel: string, to: Position) {
  const prefixes = projectionPrefixes(kernel);
  const options = { direction: 'backwards', prefixes, from: to, maxCount: 1 } as const;
  for await (const page of log.readAll(options)) return page;
  return [];
}

/** Where the event of the stream's last message of ours is. */
async function lastSource(output: MessageReader, info: OutputInfo): Promise<Position> {
  let last: StoredMessage | undefined;
  // From the end in steps, as strangers' messages may lie there.
  for (
    let to = info.lastSequence;
    to >= info.firstSequence && last === undefined;
    to -= LOOK_BACK
  ) {
    const from = to - LOOK_BACK + 1n;
    for await (const page of output.messages(from < 1n ? 1n : from, to)) {
      last = page.findLast((message) => identityOf(message) !== undefined) ?? last;
    }
  }
  const text = last?.headers.get('Tocsin-Position');
  return (text === undefined ? undefined : parsePosition(text)) ?? { commit: 0n, prepare: 0n };
}

const LOOK_BACK = 256n;

function nothingSent(): TocsinError {
  return new TocsinError('refused', 'nothing_sent', 'this log has not sent anything yet', {
    hint: 'There is nothing to build again: `tocsin project` begins at the log’s beginning.',
  });
}

function otherStream(stream: string): TocsinError {
  return new TocsinError(
    'refused',
    'output_replaced',
    `${stream} is not the stream that the log says`,
    { hint: 'Check --nats and --stream. `tocsin project` names the ways on.' },
  );
}

function disagrees(findings: Findings): TocsinError {
  const [first] = findings.listed;
  const what = first === undefined ? '' : `: ${first.code}, ${first.where}: ${first.detail}`;
  return new TocsinError(
    'refused',
    'output_disagrees',
    `the stream is not what the log gives${what}`,
    { hint: 'See `tocsin audit verify`. The read model stays as it was.' },
  );
}
