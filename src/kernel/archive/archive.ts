// Moves closed streams out of the log: writes an archive and checks it, records it in the log, and removes the streams. A call
// that ended between two of these steps is finished by the next call.
import { archivedUpTo, type ArchiveRecord, type ControlState } from '../../domain/control/state.ts';
import { controlStream } from '../../domain/core/ids.ts';
import type { Instant } from '../../domain/core/instants.ts';
import { ok } from '../../domain/core/result.ts';
import type { FileSpace, StreamRemover } from '../../domain/ports/stream-remover.ts';
import type { TriggerDefinition } from '../../domain/trigger/definitions.ts';
import { startAfter, type ArchiveSource } from '../../projections/archive/format.ts';
import { archiveLines, type Written } from '../../projections/archive/write.ts';
import { verifyExport, type ExportReport } from '../../projections/audit/export/verify-export.ts';
import type { TreeHead } from '../../projections/notary/head.ts';
import type { ReadModelReader } from '../../projections/read-model.ts';
import { controlDecider, readControl } from '../control/control.ts';
import type { Call, KernelContext } from '../decider/decider.ts';
import { closedStreams, type ClosedTrigger, type WhyKept } from './closed-streams.ts';
import { HeadsOnTheWay } from './heads.ts';
import { neededStreams } from './needed-streams.ts';
import { isPlain } from './plain.ts';
import { assertOldEnough, assertProjected, refusals } from './refusals.ts';

/** The file of an archive. */
export type ArchiveFile = ArchiveSource & {
  /** True when there is a file of that name. */
  readonly exists: () => boolean;
  /** Writes the lines beside the file, and syncs them to the disk. @returns the bytes */
  readonly write: (lines: AsyncIterable<string>) => Promise<number>;
  /** The lines that were written, before they are the file. */
  readonly written: () => AsyncIterable<string>;
  /** Gives what was written the name of the file, and syncs the name to the disk. */
  readonly keep: () => Promise<void>;
  readonly discard: () => Promise<void>;
};

export type ArchiveContext = KernelContext & {
  readonly remover: StreamRemover;
  /** The read model of the projector, for reading. */
  readonly state: Pick<ReadModelReader, 'checkpoint' | 'parked'>;
  /** All trigger types of the log; streams of others stay. */
  readonly triggers: readonly TriggerDefinition[];
};

export type ArchiveOptions = {
  /** Events that were recorded at this time or later stay. */
  readonly before: Instant;
  readonly file: ArchiveFile;
  /** Writes and removes nothing. */
  readonly dryRun?: boolean;
  /** Allows personal texts that are not sealed: forgetting a user does not reach the archive. */
  readonly plain?: boolean;
  /** Signed heads that the log must fit. */
  readonly heads?: readonly TreeHead[];
  /** A private Ed25519 key (PEM) that signs the archive. */
  readonly signingKey?: string | undefined;
  readonly signal?: AbortSignal;
  /** Called once per page, or per part. */
  readonly progress?: (step: ArchiveStep, done: number) => void;
};

export type ArchiveStep = 'writing' | 'checking' | 'removing' | 'shrinking';

/** What an archive did, or would do. */
export type ArchiveResult = {
  /** The new archive; `null` when the log has no new events before the time. */
  readonly archive:
    | (Pick<ArchiveRecord, 'upTo' | 'events' | 'hash' | 'file'> & {
        readonly bytes: number;
        readonly tree: Pick<ArchiveRecord['tree'], 'size' | 'root'>;
        /** Events with personal texts that are not sealed. */
        readonly plain: number;
      })
    | null;
  /** How many leaves the heads cover that were compared, and up to how many the log fits them. */
  readonly heads: { readonly covered: number; readonly verified: number } | null;
  readonly removed: {
    readonly triggers: number;
    readonly streams: number;
    readonly events: number;
  };
  /** Triggers that stay, by reason; `changed`: they changed while the archive was made. */
  readonly kept: Readonly<Partial<Record<WhyKept | 'changed', number>>>;
  /** The space of the store's file afterwards; `null` where it is not known. */
  readonly space: FileSpace | null;
};

/** Streams that are removed in one transaction: appends wait for some tens of milliseconds. */
const REMOVED_AT_ONCE = 256;

const PAUSE_MS = 20;

/**
 * Archives.
 *
 * @throws TocsinError `refused`: `archive_too_recent`, `archive_not_projected`, `archive_plain`, `archive_head_differs`,
 * `archive_exists`, `archive_wrong`, `archive_overtaken`; `usage` for a store that keeps its streams; `unavailable` for outages, and then a repeat continues
 */
export async function archive(
  context: ArchiveContext,
  options: ArchiveOptions,
  call: Call = {},
): Promise<ArchiveResult> {
  const { store, kernel, runtime, state } = context;
  const control = await readControl(store, kernel);
  const { storeId } = control;
  if (storeId === undefined) throw refusals.emptyLog();
  assertOldEnough(control, context.triggers, options.before, runtime.now());
  assertProjected(state.checkpoint(), storeId, archivedUpTo(control));
  // A store that removes no streams says so before anything is recorded.
  await context.remover.removeStreams([]);
  const made = await make(context, options, { ...control, storeId }, call);
  const record = made?.record ?? control.archives.at(-1);
  const removed =
    record === undefined
      ? { triggers: 0, streams: 0, events: 0, kept: {} }
      : await remove(context, options, record);
  const { kept, ...counts } = removed;
  const space = options.dryRun === true ? undefined : await shrink(context, options);
  return {
    archive:
      made === undefined ? null : { ...shown(made.record), bytes: made.bytes, plain: made.plain },
    heads: made?.heads ?? null,
    removed: counts,
    kept,
    space: space ?? null,
  };
}

type Made = {
  readonly record: ArchiveRecord;
  readonly bytes: number;
  readonly plain: number;
  readonly heads: ArchiveResult['heads'];
};

/** Writes, checks and records the archive; `undefined` when there is nothing new. */
async function make(
  context: ArchiveContext,
  options: ArchiveOptions,
  control: ControlState & { readonly storeId: string },
  call: Call,
): Promise<Made | undefined> {
  const { store, kernel, state } = context;
  const { before, file, plain: allowsPlain = false, progress = () => undefined } = options;
  const { storeId } = control;
  const after = startAfter(control.archives.at(-1));
  if (options.dryRun !== true && (await isRecorded(file, control))) return undefined;
  const heads = new HeadsOnTheWay(options.heads ?? [], storeId, after.size);
  const end: { written?: Written | undefined } = {};
  let plain = 0;
  const lines = archiveLines({
    log: store,
    kernel,
    storeId,
    after,
    before,
    signingKey: options.signingKey,
    see(event) {
      options.signal?.throwIfAborted();
      if (!isPlain(event)) return;
      if (!allowsPlain) throw refusals.plain(event);
      plain += 1;
    },
    grown: heads.grown,
    progress: (events) => {
      progress('writing', events);
    },
  });
  const all = (async function* (): AsyncGenerator<string> {
    end.written = yield* lines;
  })();
  try {
    const bytes = options.dryRun === true ? await sizeOf(all) : await file.write(all);
    if (end.written === undefined) {
      await file.discard();
      return undefined;
    }
    const record: ArchiveRecord = { ...end.written, before, file: file.name };
    assertProjected(state.checkpoint(), storeId, record.upTo);
    const made = { record, bytes, plain, heads: heads.result() };
    if (options.dryRun === true) return made;
    progress('checking', 0);
    assertRight(await verifyExport(file.written()), record);
    await file.keep();
    await recordArchive(context, record, call);
    return made;
  } catch (error) {
    await file.discard();
    throw error;
  }
}

async function sizeOf(lines: AsyncIterable<string>): Promise<number> {
  let bytes = 0;
  for await (const line of lines) bytes += Buffer.byteLength(line) + 1;
  return bytes;
}

/**
 * A file of an earlier call that ended before its record is written again; one that ended after its record is finished. Any
 * other file may be the one copy of its events.
 *
 * @returns true for the last archive of the log
 */
async function isRecorded(
  file: ArchiveFile,
  { archives, storeId }: ControlState,
): Promise<boolean> {
  if (!file.exists()) return false;
  let report: ExportReport;
  try {
    report = await verifyExport(file.lines());
  } catch (cause) {
    throw refusals.exists(file.name, cause);
  }
  const isWhole = report.faultCount === 0 && report.header?.storeId === storeId;
  const at = archives.findIndex(({ hash }) => hash === report.hash);
  if (!isWhole || (at !== -1 && at < archives.length - 1)) throw refusals.exists(file.name);
  return at !== -1;
}

/** The written file must be whole before anything is removed. */
function assertRight(report: ExportReport, { hash, tree, events }: ArchiveRecord): void {
  const { manifest } = report;
  const isRight =
    report.faultCount === 0 &&
    report.hash === hash &&
    report.events === events &&
    manifest?.tree?.size === tree.size &&
    manifest.tree.root === tree.root;
  if (isRight) return;
  const [fault] = report.faults;
  throw refusals.wrong(fault === undefined ? 'it is another export' : fault.detail);
}

async function recordArchive(
  context: ArchiveContext,
  record: ArchiveRecord,
  call: Call,
): Promise<void> {
  const stream = controlStream(context.kernel);
  const result = await controlDecider.transactOrThrow(
    context,
    stream,
    ({ archives }: ControlState) => {
      if (archives.some(({ hash }) => hash === record.hash))
        return ok({ events: [], answer: true });
      const size = archives.at(-1)?.tree.size ?? 0;
      const follows = size === record.tree.size - record.events;
      const events = follows ? [{ type: 'LogArchived' as const, data: record }] : [];
      return ok({ events, answer: follows });
    },
    call,
  );
  if (result.ok && !result.value.answer) throw refusals.overtaken(record.file);
}

async function remove(
  context: ArchiveContext,
  options: ArchiveOptions,
  { upTo, tree }: Pick<ArchiveRecord, 'upTo' | 'tree'>,
) {
  const { store, kernel, triggers, state, runtime } = context;
  const { before, dryRun = false, signal, progress = () => undefined } = options;
  const kept: Partial<Record<WhyKept | 'changed', number>> = {};
  const count = { triggers: 0, streams: 0, events: 0 };
  const add = (why: WhyKept | 'changed', by = 1): void => {
    kept[why] = (kept[why] ?? 0) + by;
  };
  const needed = await neededStreams(store, kernel, upTo, state.parked());
  const definitions = new Map(triggers.map((definition) => [definition.type, definition]));
  const rules = { kernel, definitions, before, upTo, needed, events: tree.size, log: store };
  for await (const part of closedStreams(rules)) {
    for (const [why, by] of part.kept) add(why, by);
    for (const batch of batchesOf(part.closed)) {
      signal?.throwIfAborted();
      const groups = batch.map(({ streams }) => streams);
      const isRemoved = dryRun
        ? groups.map(() => true)
        : await context.remover.removeStreams(groups);
      batch.forEach(({ streams, events }, n) => {
        if (isRemoved[n] !== true) {
          add('changed');
          return;
        }
        count.triggers += 1;
        count.streams += streams.length;
        count.events += events;
      });
      progress('removing', count.triggers);
      if (!dryRun) await runtime.pause(PAUSE_MS);
    }
  }
  return { ...count, kept };
}

function* batchesOf(closed: readonly ClosedTrigger[]): Generator<readonly ClosedTrigger[]> {
  let batch: ClosedTrigger[] = [];
  let streams = 0;
  for (const one of closed) {
    batch.push(one);
    streams += one.streams.length;
    if (streams < REMOVED_AT_ONCE) continue;
    yield batch;
    [batch, streams] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}

/** Step by step, so that appends get their turn. */
async function shrink(
  { remover, runtime }: ArchiveContext,
  { signal, progress = () => undefined }: ArchiveOptions,
): Promise<FileSpace | undefined> {
  for (let last: FileSpace | undefined; ;) {
    signal?.throwIfAborted();
    const space = await remover.shrink();
    // The file keeps its space, or nothing more can be given back.
    if (space === undefined || space.free === 0 || space.free === last?.free) return space;
    progress('shrinking', space.free);
    last = space;
    await runtime.pause(PAUSE_MS);
  }
}

function shown({ upTo, events, hash, file, tree: { size, root } }: ArchiveRecord) {
  return { upTo, events, hash, file, tree: { size, root } };
}
