// `audit verify`: compares log, read model, output stream and deliveries at the read model's checkpoint.
// Each is read once, in its own order, side by side. Nothing can be published from here.
import type { ControlState } from '../../../domain/control/state.ts';
import { formatPosition, type Position } from '../../../domain/core/positions.ts';
import type { MessageNames } from '../../dedupe/messages.ts';
import type { OutputInfo } from '../../output.ts';
import type { ReadModel } from '../../read-model.ts';
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
import type { MessageReader, ReadableLog, ReadModelView } from '../reading/ports.ts';
import { refold, type Refolded } from '../reading/refold.ts';
import type { ReplayResult } from '../replay/replay.ts';
import { CopiedPositions } from './copied-positions.ts';
import { LogCheck } from './log-check.ts';
import { HeadCheck, type HeadWitness } from './head-check.ts';
import { Findings, type Mismatch, type MismatchCode } from './mismatches.ts';
import { ReadModelCheck, type FoldedRows } from './read-model.ts';
import { StoredList } from './stored-list.ts';

/** What verify reads. */
export type VerifyOptions = {
  readonly log: ReadableLog;
  readonly kernel: string;
  readonly view: ReadModelView;
  readonly output: MessageReader;
  /** Where the fold keeps the sent notifications; empty at the beginning. */
  readonly scratch: ReadModel & FoldedRows;
  /** The names that the projector puts into messages. */
  readonly names: MessageNames;
  /** Signed heads that were kept elsewhere: the log is compared with them, leaf by leaf. */
  readonly witness?: HeadWitness | undefined;
  /** Called with the number of events compared, once per page. */
  readonly progress?: (events: number, at: Position) => void;
};

/** What verify found. Counts are those of the log up to the cut. */
export type VerifyResult = Omit<ReplayResult, 'dedupeKeysSha256'> & {
  /**
   * The first thousand differences; `mismatchCounts` counts all. While the log itself is in doubt, only the differences
   * of the log: those of what is derived from it are counted in `consequences`.
   */
  readonly mismatches: readonly Mismatch[];
  /** True when a difference lies in the log. */
  readonly logInDoubt: boolean;
  readonly consequences: Readonly<Partial<Record<MismatchCode, number>>>;
  /** How many leaves the given heads cover, and up to how many the log is as they say; `null` without heads. */
  readonly heads: { readonly covered: number; readonly verified: number } | null;
  readonly mismatchCounts: Readonly<Partial<Record<MismatchCode, number>>>;
  /** Where everything was compared: the read model's checkpoint, and the ends of log and stream. */
  readonly cut: {
    readonly position: string;
    readonly sequence: string;
    readonly logHead: string;
    readonly streamEnd: string;
  };
  readonly messages: {
    /** Messages that were compared, byte for byte. */
    readonly compared: number;
    /** Messages before the stream's first sequence, which cannot be compared. */
    readonly notVerifiable: number;
    /** Foreign messages in the stream, and Tocsin's messages that they moved to the end. */
    readonly foreign: number;
    readonly late: number;
  };
  readonly deliveries: number;
};

/** Compares everything at the read model's checkpoint. */
export async function verify(options: VerifyOptions): Promise<VerifyResult> {
  const { log, kernel, view, output } = options;
  // In this order, because what is committed is stored, and what is stored is in the log.
  const checkpoint = view.checkpoint();
  const info = await output.info();
  const head = await headOf(log, kernel);
  const findings = new Findings();
  const control = await controlAt(log, kernel, head);
  const list = listOf(control, checkpoint?.output ?? undefined);
  const check = new ReadModelCheck(view, findings, control.resolved);
  check.identity(control.state.storeId);
  check.head(head);
  const isThere = checkOutput(list, info, findings);
  const from = isThere ? startOf(control, list) : 1n;
  await using stored = new StoredList(
    isThere && info !== undefined ? output.messages(from, info.lastSequence) : undefined,
    {
      base: from - 1n,
      firstSequence: info?.firstSequence ?? 1n,
      committed: isThere ? (checkpoint?.ordinal ?? 0n) : 0n,
      ...(checkpoint === undefined ? {} : { committedSequence: checkpoint.sequence }),
      copied: new CopiedPositions(await copiesOf(log, kernel, head)),
    },
    findings,
  );
  const logCheck = new LogCheck(kernel, findings);
  const heads = options.witness && new HeadCheck(options.witness, findings);
  const fold = refold({
    log,
    kernel,
    state: options.scratch,
    keep: 'sent',
    names: options.names,
    numbering: list && numberingOf(list),
  });

  const cut = checkpoint?.position;
  let isAtCut = false;
  const reachCut = async (): Promise<void> => {
    if (isAtCut) return;
    isAtCut = true;
    await check.atCut(fold.state(), options.scratch);
  };
  const compare = async (page: Refolded): Promise<void> => {
    const sequences = await stored.expect(page.messages);
    logCheck.requests(page, stored.discarded, sequences);
    if (!isAtCut) check.page(page, sequences);
  };
  const isFolded = isProjected(kernel);
  for await (const events of kernelEvents(log, kernel, head)) {
    heads?.see(events);
    const [before, after] = splitAt(events.filter(isFolded), cut);
    if (before.length > 0) await compare(await fold.page(before));
    if (after.length > 0) {
      await reachCut();
      await compare(await fold.page(after));
    }
    logCheck.see(events);
    options.progress?.(fold.state().counts.events, fold.state().position);
  }
  await reachCut();
  await stored.end();
  logCheck.end();
  heads?.end();
  check.end();
  const {
    events,
    triggered: triggers,
    published,
    suppressed,
    parked,
  } = (check.state ?? fold.state()).counts;
  const { compared, notVerifiable, foreign, late } = stored;
  return {
    events,
    triggers,
    published,
    suppressed,
    parked,
    mismatches: findings.listed,
    mismatchCounts: findings.counts,
    logInDoubt: findings.isLogInDoubt,
    consequences: findings.consequences,
    heads: heads === undefined ? null : { covered: heads.covered, verified: heads.verified },
    cut: {
      position: formatPosition(cut ?? { commit: 0n, prepare: 0n }),
      sequence: String(checkpoint?.sequence ?? 0n),
      logHead: formatPosition(head ?? { commit: 0n, prepare: 0n }),
      streamEnd: String(info?.lastSequence ?? 0n),
    },
    messages: { compared, notVerifiable, foreign, late },
    deliveries: logCheck.deliveries,
  };
}

function checkOutput(
  list: ControlState['output'],
  info: OutputInfo | undefined,
  findings: Findings,
): boolean {
  if (list === undefined) return info !== undefined;
  const where = `stream ${list.stream}`;
  if (info === undefined) {
    findings.add('output_missing', where, 'the stream does not exist');
    return false;
  }
  if (info.stream === list.stream && info.created === list.created) return true;
  const detail = `${info.stream} was created at ${info.created}, not at ${list.created}`;
  findings.add('output_missing', where, detail);
  return false;
}
