// The fold alone, driven by a list of what happens: no store, no output, and read models in memory. Pages
// are as large as a test wants them.
import { memoryReadModel, type MemoryReadModel } from '../../src/testing.ts';
import { messageId } from '../../src/domain/core/ids.ts';
import type { PolicyEvent } from '../../src/domain/policy/in-force.ts';
import type { Severity } from '../../src/domain/core/severity.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { triggerCodec } from '../../src/domain/trigger/events.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { Policy } from '../../src/domain/policy/policy.ts';
import type { ClassifiedEvent } from '../../src/projections/dedupe/classify.ts';
import type { FoldedPage } from '../../src/projections/dedupe/page.ts';
import { FoldSession } from '../../src/projections/dedupe/session.ts';
import { checkpointOf } from '../../src/projections/dedupe/state.ts';
import type { SentNotification, VerdictRow } from '../../src/projections/read-model.ts';

export type Item =
  | {
      readonly kind: 'request';
      readonly at: number;
      /** Default: `at`. */
      readonly recordedAt?: number;
      readonly user?: string;
      readonly triggerType?: string;
      readonly target?: string;
      readonly severity?: Severity;
      /** Default: just after its recording. */
      readonly expiresAt?: number;
    }
  | { readonly kind: 'change'; readonly change: PolicyEvent }
  /** About what the nth request led to. */
  | { readonly kind: 'undelivered' | 'redriven'; readonly nth: number; readonly user?: string }
  /** An operator releases the nth request. */
  | { readonly kind: 'release'; readonly nth: number; readonly at: number };

export type Folded = {
  readonly verdicts: readonly VerdictRow[];
  readonly notices: readonly SentNotification[];
};

/** The policy of all types. */
export const policySet = (policy: Policy, triggerType = '*'): Item => ({
  kind: 'change',
  change: { type: 'NotificationPolicySet', data: { triggerType, policy } },
});

const TYPE = 'important_urgent_task';

/** How many pages wait for their commit, as a projector's pages wait for their acks. */
const UNCOMMITTED_PAGES = 2;

/** Empty read models: properties fold thousands of short lists, and a new model costs more than such a fold. */
const unused: MemoryReadModel[] = [];

/** Folds the items in pages of these sizes, over and over. */
export async function foldItems(items: readonly Item[], pageSizes = [512]): Promise<Folded> {
  const state = unused.pop() ?? memoryReadModel();
  await foldInto(state, classifiedItems(items), pageSizes);
  const folded = { verdicts: [...state.verdicts()], notices: [...state.sentNotifications()] };
  state.reset();
  unused.push(state);
  return folded;
}

async function foldInto(
  state: MemoryReadModel,
  events: readonly ClassifiedEvent[],
  pageSizes: readonly number[],
): Promise<void> {
  const log = logOf(events);
  const session = new FoldSession({ kernel: 'tocsin', log, readModel: state, numbering });
  const uncommitted: FoldedPage[] = [];
  const commit = (page: FoldedPage | undefined): void => {
    if (page === undefined) return;
    const identity = { storeId: 'store', output: null, sequence: page.state.ordinal };
    state.commit({ ...page, checkpoint: checkpointOf(page.state, identity) });
    session.committed(page);
  };
  for (let at = 0, n = 0; at < events.length; n += 1) {
    const part = events.slice(at, (at += pageSizes[n % pageSizes.length] ?? 1));
    uncommitted.push((await session.foldClassified(part)).page);
    if (uncommitted.length > UNCOMMITTED_PAGES) commit(uncommitted.shift());
  }
  uncommitted.forEach(commit);
}

/** Which requests were let through. */
export const throughOf = ({ verdicts }: Folded): boolean[] =>
  verdicts.map(({ verdict }) => verdict === 'published');

const numbering = { after: { commit: 0n, prepare: 0n }, sequenceOf: (ordinal: bigint) => ordinal };

/** Only what is released is read again. */
function logOf(events: readonly ClassifiedEvent[]): Pick<EventStore, 'readStream'> {
  return {
    async *readStream(stream) {
      await Promise.resolve();
      const found = events.find(({ recorded }) => recorded.stream === stream);
      if (found?.kind !== 'request') return;
      const { recorded, data, metadata } = found;
      const encoded = triggerCodec.encode(
        { type: 'NotificationRequested', data },
        metadata,
        'unused',
      );
      yield [{ ...recorded, data: encoded.data, metadata: encoded.metadata }];
    },
  };
}

const eventOf = (request: number): string =>
  `00000000-0000-4000-8000-${String(request).padStart(12, '0')}`;

const IDS = { correlationId: 'x', causationId: 'x', commandId: 'x' };

const streamOf = (index: number): string => `tocsin.trigger-00-${index}`;

function classifiedItems(items: readonly Item[]): readonly ClassifiedEvent[] {
  /** Where the requests stand among the items. */
  const places = items.flatMap(({ kind }, index) => (kind === 'request' ? [index] : []));
  let requests = 0;
  return items.map((item, index): ClassifiedEvent => {
    const position = { commit: BigInt(index + 1), prepare: BigInt(index + 1) };
    const about = { stream: `s-${index}`, revision: 0n, position, data: {}, metadata: {} };
    const recordedAs = (id: string, type: string): RecordedEvent => ({ ...about, id, type });
    if (item.kind === 'change') {
      return { kind: 'policy', recorded: recordedAs(`c-${index}`, 'x'), change: item.change };
    }
    if (item.kind === 'release') {
      const stream = streamOf(places[item.nth] ?? -1);
      const data = { event: eventOf(item.nth), stream, revision: 0n, reason: 'test' };
      const recorded = recordedAs(`r-${index}`, 'RequestReleased');
      return {
        kind: 'request_released',
        recorded,
        data,
        metadata: { recordedAt: item.at, ...IDS },
      };
    }
    const user = item.user ?? '1';
    if (item.kind !== 'request') {
      const id = messageId(eventOf(item.nth), 'notification.requested');
      const ref = { id, user, triggerType: TYPE, mock: false };
      return { kind: item.kind, recorded: recordedAs(`d-${index}`, 'x'), ref };
    }
    const id = eventOf(requests);
    requests += 1;
    const recordedAt = item.recordedAt ?? item.at;
    const stream = streamOf(index);
    return {
      kind: 'request',
      recorded: { ...recordedAs(id, 'NotificationRequested'), stream },
      metadata: { recordedAt, ...IDS },
      data: {
        triggerId: `ast_${requests}`,
        occurrence: 1,
        previewId: `asp_${requests}`,
        userId: user,
        triggerType: item.triggerType ?? TYPE,
        targetType: 'task_pool',
        targetId: item.target ?? '7',
        channel: 'feishu',
        targetUrl: '/x',
        traceId: 'trace',
        triggerRequestedAt: item.at,
        requestedAt: recordedAt,
        expiresAt: item.expiresAt ?? recordedAt + 1,
        mock: false,
        severity: item.severity,
        personal: { summary: '', fallbackText: '' },
      },
    };
  });
}
