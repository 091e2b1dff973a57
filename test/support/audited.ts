// A small world through verify, with whatever a test has done to the log, the read model or the stream.
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import type { ReadModelSnapshot } from '../../src/adapters/memory/read-model.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type {
  MessageReader,
  ReadableLog,
  ReadModelView,
  SchemaFault,
} from '../../src/projections/audit/reading/ports.ts';
import { verify, type VerifyResult } from '../../src/projections/audit/verify/verify.ts';
import type { OutputInfo, OutputMessage, StoredMessage } from '../../src/projections/output.ts';
import type { World } from './world.ts';

/** The parts of a world that an audit reads. */
export type AuditedWorld = Pick<World, 'store' | 'file' | 'output'>;

/** What somebody did behind the product's back. */
export type Tampering = {
  readonly log?: (events: RecordedEvent[]) => RecordedEvent[];
  readonly state?: (rows: ReadModelSnapshot) => ReadModelSnapshot;
  readonly messages?: (stored: StoredMessage[]) => StoredMessage[];
  readonly schemaFaults?: readonly SchemaFault[];
  readonly info?: (info: OutputInfo) => OutputInfo | undefined;
};

/** Verifies a world. */
export async function verified(
  world: AuditedWorld,
  tampering: Tampering = {},
): Promise<VerifyResult> {
  return verify({
    log: await logOf(world, tampering.log),
    kernel: 'tocsin',
    view: {
      ...viewOf(tampering.state?.(world.file.snapshot()) ?? world.file.snapshot()),
      schemaFaults: () => tampering.schemaFaults ?? [],
    },
    output: await readerOf(world, tampering),
    scratch: memoryReadModel(),
    names: { subjectRoot: '', source: '/tocsin' },
  });
}

export async function logOf(
  { store }: AuditedWorld,
  edit: (events: RecordedEvent[]) => RecordedEvent[] = (events) => events,
): Promise<ReadableLog> {
  const found: RecordedEvent[] = [];
  for await (const page of store.readAll({ direction: 'forwards', prefixes: [] }))
    found.push(...page);
  const events = edit(found);
  return {
    async *readAll({ direction, prefixes, maxCount = Infinity }) {
      const own = events.filter(
        ({ stream }) =>
          prefixes.length === 0 || prefixes.some((prefix) => stream.startsWith(prefix)),
      );
      await Promise.resolve();
      yield (direction === 'forwards' ? own : own.toReversed()).slice(0, maxCount);
    },
    async *readStream(stream, { from = 0n, maxCount = Infinity }) {
      await Promise.resolve();
      yield events
        .filter((event) => event.stream === stream && event.revision >= from)
        .slice(0, maxCount);
    },
  };
}

function nothing(): never {
  throw new Error('verify must not call this');
}

/** A snapshot as a reader sees it. */
export function viewOf(rows: ReadModelSnapshot): ReadModelView {
  return {
    checkpoint: () => rows.checkpoint,
    sentNotificationsIn: nothing,
    sentNotificationsById: nothing,
    recentMessagesAfter: (sequence) => rows.recentMessages.filter((row) => row.sequence > sequence),
    lastRecentMessage: () => rows.recentMessages.at(-1),
    parked: () => rows.parked,
    parkedCount: () => rows.parked.length,
    reasons: () => rows.reasons,
    dedupeKeys: () => [],
    sentNotifications: () => rows.sentNotifications,
    verdicts: () => rows.verdicts,
    suppressedRequests: () => rows.suppressedRequests,
    suppressedRequestsOf: nothing,
    mutedRequests: () => rows.mutedRequests,
    mutedRequestsOf: nothing,
    controlRows: () => rows.control,
  };
}

function isExactly(stored: StoredMessage): (message: OutputMessage) => boolean {
  return ({ subject, headers, data }) =>
    stored.subject === subject &&
    Buffer.compare(stored.data, data) === 0 &&
    JSON.stringify([...stored.headers]) === JSON.stringify(headers);
}

/** A world's stream, as an audit reads it. */
export async function readerOf(
  world: Pick<AuditedWorld, 'output'>,
  { messages, info }: Tampering = {},
): Promise<MessageReader> {
  await using session = await world.output.connect();
  const found = await session.info();
  const edited = messages?.([...world.output.messages]) ?? world.output.messages;
  // Every other one says by itself what it is, as those of a real stream do.
  const stored = edited.map((message) =>
    message.sequence % 2n === 0n ? { ...message, is: isExactly(message) } : message,
  );
  return {
    info: () => Promise.resolve(found === undefined || info === undefined ? found : info(found)),
    async *messages(from, to) {
      await Promise.resolve();
      yield stored.filter(({ sequence }) => sequence >= from && sequence <= to);
    },
  };
}

/** The kinds of differences that were found, with how many of each. */
export function kindsOf({ mismatchCounts }: VerifyResult): Readonly<Record<string, number>> {
  return mismatchCounts;
}

/**
 * The differences besides those of a log whose events a test has written by hand, and which gives only some requests the
 * record of a delivery.
 */
export function derivedDifferences({ mismatchCounts }: VerifyResult): readonly string[] {
  return Object.keys(mismatchCounts).filter(
    (code) => !/^(?:event_|time_|delivery_missing$)/.test(code),
  );
}
