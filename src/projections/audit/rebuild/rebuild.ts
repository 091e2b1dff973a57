// `audit rebuild`: makes a fresh read model from the log, up to a position whose messages the output stream all
// holds. A projector that resumes from it sends nothing twice. Nothing can be published from here.
import { TocsinError } from '../../../domain/core/errors.ts';
import { comparePositions, START_POSITION, type Position } from '../../../domain/core/positions.ts';
import { checkpointOf } from '../../dedupe/state.ts';
import type { MessageNames } from '../../dedupe/messages.ts';
import { projectionPrefixes } from '../../dedupe/classify.ts';
import type { OutputInfo, StoredMessage } from '../../output.ts';
import { NO_ROWS, type Checkpoint, type Counts, type ReadModel } from '../../read-model.ts';
import { identityOf } from '../../publisher/sequence-map.ts';
import {
  controlAt,
  headOf,
  isProjected,
  kernelEvents,
  listOf,
  numberingOf,
  splitAt,
  startOf,
} from '../reading/reading.ts';
import { copiesOf } from '../reading/copies.ts';
import type { MessageReader, ReadableLog } from '../reading/ports.ts';
import { refold } from '../reading/refold.ts';
import { CopiedPositions } from '../verify/copied-positions.ts';
import { HeadCheck, type HeadWitness } from '../verify/head-check.ts';
import { Findings } from '../verify/mismatches.ts';
import { LogCheck } from '../verify/log-check.ts';
import { StoredList } from '../verify/stored-list.ts';

export type RebuildOptions = {
  readonly log: ReadableLog;
  readonly kernel: string;
  readonly output: MessageReader;
  /** Empty. */
  readonly state: ReadModel;
  /** The checkpoint of the read model to replace, if it can be read. */
  readonly live: Checkpoint | undefined;
  /** Folds events up to this position at most. */
  readonly to?: Position | undefined;
  readonly names: MessageNames;
  /** Signed heads that were kept elsewhere; the log must fit them. */
  readonly witness?: HeadWitness | undefined;
  /** Rebuilds although the log itself differs from what it was: the old read model may be the last witness of that. */
  readonly force?: boolean | undefined;
  readonly progress?: (events: number, at: Position) => void;
};

export type RebuildResult = Pick<Counts, 'events' | 'published' | 'suppressed' | 'parked'> & {
  readonly checkpoint: Position;
  readonly outputSequence: bigint;
};

/**
 * Folds the log into `state`: up to the live checkpoint if the stream holds its messages, else up to the event of
 * the stream's last message.
 *
 * @throws TocsinError `refused` when nothing was ever sent, or when the stream differs from the log: a projector
 * could then send messages twice or lose them; also when the log lacks events or does not fit the heads (`log_in_doubt`)
 */
export async function rebuild(options: RebuildOptions): Promise<RebuildResult> {
  const { log, kernel, output, state, names } = options;
  const info = await output.info();
  const head = await headOf(log, kernel);
  const control = await controlAt(log, kernel, head);
  const list = listOf(control, undefined);
  if (list === undefined || head === undefined) {
    throw new TocsinError('refused', 'nothing_sent', 'this log has not sent anything yet', {
      hint: 'There is nothing to rebuild: `tocsin project` starts at the beginning of the log.',
    });
  }
  if (info?.stream !== list.stream || info.created !== list.created) {
    const message = `${list.stream} is not the stream that the log names`;
    throw new TocsinError('refused', 'output_replaced', message, {
      hint: 'Check --nats and --stream. `tocsin project` names the recovery modes.',
    });
  }
  const cut = await cutOf(options, info, list.id);
  const start = startOf(control, list);
  const findings = new Findings();
  await using stored = new StoredList(
    output.messages(start, info.lastSequence),
    {
      base: start - 1n,
      firstSequence: info.firstSequence,
      committed: info.lastSequence,
      copied: new CopiedPositions(await copiesOf(log, kernel, head)),
    },
    findings,
  );
  const inLog = new Findings();
  const logCheck = new LogCheck(kernel, inLog);
  const heads = options.witness && new HeadCheck(options.witness, inLog);
  let reached = start - 1n;
  let placed: ReadonlyMap<string, bigint> = new Map();
  const fold = refold({
    log,
    kernel,
    state,
    keep: 'all',
    names,
    output: list.id,
    numbering: numberingOf(list),
    sequences: async (messages) => {
      const sequences = await stored.expect(messages);
      placed = sequences;
      for (const sequence of sequences.values()) if (sequence > reached) reached = sequence;
      return sequences;
    },
  });
  const isFolded = isProjected(kernel);
  // The log is checked to its end, and folded to the cut.
  for await (const events of kernelEvents(log, kernel, head)) {
    heads?.see(events);
    const [before, after] = splitAt(events, cut);
    const folded = before.filter(isFolded);
    if (folded.length > 0) logCheck.requests(await fold.page(folded), stored.discarded, placed);
    if (after.length > 0) logCheck.requestsEnd();
    logCheck.see(events);
    options.progress?.(fold.state().counts.events, fold.state().position);
    if (findings.isLogInDoubt && options.force !== true) throw inDoubt(findings);
    if (findings.total > 0) throw disagrees(findings);
  }
  logCheck.end();
  heads?.end();
  if (inLog.isLogInDoubt && options.force !== true) throw inDoubt(inLog);
  const folded = fold.state();
  // Messages that the stream has discarded are counted.
  const counted = list.base + folded.ordinal;
  const sequence = stored.compared === 0 ? counted : reached;
  const identity = { storeId: control.state.storeId ?? '', output: list.id, sequence };
  const checkpoint = { ...checkpointOf(folded, identity), position: cut };
  state.commit({ ...NO_ROWS, checkpoint });
  const { events, published, suppressed, parked } = folded.counts;
  return { events, published, suppressed, parked, checkpoint: cut, outputSequence: sequence };
}

async function cutOf(
  { output, live, to, kernel, log }: RebuildOptions,
  info: OutputInfo,
  list: string,
): Promise<Position> {
  const isWhole = live?.output === list && live.sequence <= info.lastSequence;
  const most = isWhole ? live.position : await lastSource(log, output, info);
  if (to === undefined) return most;
  if (comparePositions(to, most) <= 0) return to;
  // With no event between the two positions, both mean the same cut.
  const prefixes = projectionPrefixes(kernel);
  const before = { direction: 'backwards', prefixes, from: to, maxCount: 1 } as const;
  for await (const [event] of log.readAll(before)) {
    if (event !== undefined && comparePositions(event.position, most) <= 0) return most;
    break;
  }
  const message = 'the stream does not hold all messages up to --to';
  throw new TocsinError('usage', 'cut_too_late', message, {
    hint: 'Leave out --to: the read model is built up to the last message of the stream, and `tocsin project` continues.',
  });
}

/** The position of the event of the stream's last message of ours. */
async function lastSource(
  log: ReadableLog,
  output: MessageReader,
  info: OutputInfo,
): Promise<Position> {
  let last: StoredMessage | undefined;
  let to = info.lastSequence;
  // Backwards in steps, since foreign messages may be at the end.
  while (to >= info.firstSequence && last === undefined) {
    const from = to - LOOK_BACK + 1n;
    for await (const page of output.messages(from < 1n ? 1n : from, to)) {
      last = page.findLast((message) => identityOf(message) !== undefined) ?? last;
    }
    to -= LOOK_BACK;
  }
  const stream = last?.headers.get('Tocsin-Stream') ?? '';
  const revision = last?.headers.get('Tocsin-Revision') ?? '';
  if (stream === '' || !/^\d{1,19}$/.test(revision)) return START_POSITION;
  // Not by its position, which may be that of a log that was copied.
  const options = { direction: 'forwards', from: BigInt(revision), maxCount: 1 } as const;
  for await (const [event] of log.readStream(stream, options)) {
    if (event !== undefined) return event.position;
  }
  return START_POSITION;
}

const LOOK_BACK = 256n;

function inDoubt(findings: Findings): TocsinError {
  const [first] = findings.listed;
  const what = first === undefined ? '' : `: ${first.code}, ${first.where}: ${first.detail}`;
  return new TocsinError('refused', 'log_in_doubt', `the log itself is in doubt${what}`, {
    hint: 'The read model is unchanged: it may be the last witness of what the log was. Run `tocsin audit verify`, and keep copies. --force rebuilds all the same, and keeps the old file.',
  });
}

function disagrees(findings: Findings): TocsinError {
  const [first] = findings.listed;
  const what = first === undefined ? '' : `: ${first.code}, ${first.where}: ${first.detail}`;
  return new TocsinError('refused', 'output_disagrees', `the stream differs from the log${what}`, {
    hint: 'Run `tocsin audit verify`. The read model is unchanged.',
  });
}
