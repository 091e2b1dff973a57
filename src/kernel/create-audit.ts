// The audit for hosts: it reads the log, the read model and the output stream. It cannot publish or send.
import { TocsinError } from '../domain/core/errors.ts';
import { DEFAULT_KERNEL_NAME } from '../domain/core/ids.ts';
import type { Instant } from '../domain/core/instants.ts';
import { formatPosition, type Position } from '../domain/core/positions.ts';
import { archivedLog } from '../projections/archive/archived-log.ts';
import type { ArchiveSource } from '../projections/archive/format.ts';
import { explain, type Explanation } from '../projections/audit/explain/explain.ts';
import { explainUser, type UserExplanation } from '../projections/audit/explain/explain-user.ts';
import { exportLines, type ExportOptions } from '../projections/audit/export/export.ts';
import type { Manifest } from '../projections/audit/export/format.ts';
import { compareExport, type Comparison } from '../projections/audit/export/compare-export.ts';
import { redactExport } from '../projections/audit/export/redact-export.ts';
import { verifyExport, type ExportReport } from '../projections/audit/export/verify-export.ts';
import {
  listRequests,
  type RequestPage,
  type RequestQuery,
} from '../projections/audit/history/requests.ts';
import type { ConsistencyProof, Proof } from '../projections/audit/proof/format.ts';
import {
  prove,
  proveConsistency,
  type ConsistencyOptions,
  type ProveOptions,
} from '../projections/audit/proof/prove.ts';
import type {
  MessageReader,
  ReadableLog,
  ReadModelView,
  VerdictLookup,
  VerdictMinutes,
  VerdictPages,
} from '../projections/audit/reading/ports.ts';
import type { VerdictMinute } from '../projections/read-model.ts';
import {
  rebuild,
  type RebuildOptions,
  type RebuildResult,
} from '../projections/audit/rebuild/rebuild.ts';
import {
  replay,
  type ReplayOptions,
  type ReplayResult,
} from '../projections/audit/replay/replay.ts';
import {
  DEFAULT_PER_MINUTE,
  simulate,
  type Replacement,
  type SimulateOptions,
  type SimulationResult,
  type SimulationState,
} from '../projections/audit/simulate/simulate.ts';
import {
  verify,
  type VerifyOptions,
  type VerifyResult,
} from '../projections/audit/verify/verify.ts';

/** The caller closes the log, the read model and the stream. */
export type AuditOptions = {
  /** The log, for reading: an `embeddedReader`, or any event store. */
  readonly log: ReadableLog;
  /** The files of the log's archives, each an `archiveSource`. Without them a log with archives is refused. */
  readonly archives?: readonly ArchiveSource[];
  /** Makes an empty read model for a fold; `temporaryReadModel` keeps memory constant. */
  readonly scratch: () => VerifyOptions['scratch'] & SimulationState;
  /** One committed state of the projector's read model; `verify`, `explain`, `requests` and `totals` need it. */
  readonly state?: ReadModelView & VerdictLookup & VerdictPages & VerdictMinutes;
  /** The output stream; `verify` and `rebuild` need it. */
  readonly messages?: MessageReader;
  /** The kernel's name. Default `tocsin`. */
  readonly name?: string;
  /** The projector's subject root; `verify` makes messages with it. Default empty. */
  readonly subjectRoot?: string;
  /** The projector's `ce-source`. Default `/tocsin`. */
  readonly source?: string;
};

export type AuditExportOptions = Omit<ExportOptions, 'log' | 'kernel'>;

export type AuditSimulateOptions = {
  /** Policies by trigger type, `*` for all types: they replace the policies of the log. */
  readonly policies: Replacement;
  /** Policies to compare with. Default: the policies of the log. */
  readonly against?: Replacement;
  /** The instant by which gaps, silences, days and minutes are measured. Default `requestedAt`. */
  readonly axis?: SimulateOptions['axis'];
  /** The most notifications per minute that the channel accepts. Default 100, a usual limit of chat bots. */
  readonly limitPerMinute?: number;
  readonly progress?: SimulateOptions['progress'];
};

/** What the projection has counted since the log's beginning. */
export type AuditTotals = {
  /** Everything up to here is counted, as `commit/prepare`; null before the first event. */
  readonly position: string | null;
  readonly triggered: number;
  readonly published: number;
  readonly suppressed: number;
  /** Events that were ever parked, and those that wait for an operator now. */
  readonly parked: number;
  readonly parkedNow: number;
  /** Suppressed and parked requests, by reason. */
  readonly reasons: Readonly<Record<string, number>>;
};

export interface Audit {
  /** Decides every verdict again from the log alone. */
  replay(options?: Omit<ReplayOptions, 'selected' | 'keep' | 'rulesets'>): Promise<ReplayResult>;
  /** Compares log, read model, stream and delivery records at the checkpoint of the read model. */
  verify(options?: Pick<VerifyOptions, 'progress' | 'witness'>): Promise<VerifyResult>;
  /**
   * Makes a proof of one trigger with its notification and delivery: their events and the paths to a signed head.
   * `verifyProof` checks it without the log.
   */
  prove(options: Omit<ProveOptions, 'log' | 'kernel'>): Promise<Proof>;
  /** Proves that the log of the newer head begins with the log of the older head. */
  consistency(options: Omit<ConsistencyOptions, 'log' | 'kernel'>): Promise<ConsistencyProof>;
  /**
   * Makes a fresh read model from the log, from which a projector can resume. It compares every message with the
   * stream and throws `refused` when they differ. Nothing is sent.
   *
   * @param fresh an empty read model; `replaceReadModel` makes one and replaces a file by it
   * @param options.live the checkpoint to fold to, if the stream holds its messages
   * @param options.to the last position to fold
   * @param options.witness signed heads that the log must fit
   * @param options.force rebuilds although the log lacks events or does not fit the heads
   */
  rebuild(
    fresh: RebuildOptions['state'],
    options?: Partial<Pick<RebuildOptions, 'live' | 'to' | 'witness' | 'force' | 'progress'>>,
  ): Promise<RebuildResult>;
  /** Compares the history under other policies with the history as it happened, or with a second set of policies. */
  simulate(options: AuditSimulateOptions): Promise<SimulationResult>;
  /** Explains a trigger, a preview or a notification by its id; `at` adds what the log held at this instant. */
  explain(id: string, at?: Instant): Promise<Explanation>;
  /** Explains which notifications a user got, and did not get, up to an instant. */
  explainUser(user: string, at: Instant): Promise<UserExplanation>;
  /** Lists requests for notifications with their verdicts, newest first. The cost of a page is bounded. */
  requests(query: RequestQuery): Promise<RequestPage>;
  /** The totals of the read model. */
  totals(): AuditTotals;
  /** Requests per minute by their verdicts, from one instant on and before another, in order. */
  perMinute(from: Instant, to: Instant): readonly VerdictMinute[];
  /** The events of the log as a chain of hashed lines, without line ends; returns the manifest. */
  export(options?: AuditExportOptions): AsyncGenerator<string, Manifest, undefined>;
  /** Checks an export by its lines alone. */
  verifyExport(
    lines: AsyncIterable<string>,
    options?: { readonly publicKey?: string },
  ): Promise<ExportReport>;
  /** Compares an export with the log as it is now; the log may have gone on since. */
  compareExport(
    lines: AsyncIterable<string>,
    options?: { readonly progress?: (events: number, at: Position) => void },
  ): Promise<Comparison>;
  /** The export without the personal parts of one user or of all users; it still verifies. */
  redactExport(
    lines: AsyncIterable<string>,
    options?: { readonly user?: string },
  ): AsyncGenerator<string, void, undefined>;
}

/**
 * Opens an audit. Nothing is read before a method is called. The methods throw TocsinError: `usage` where a part is
 * missing or an id is unknown, `unavailable` for outages, `refused` where the log needs another version of Tocsin.
 */
export function createAudit(options: AuditOptions): Audit {
  const { scratch, state, messages, archives = [], name: kernel = DEFAULT_KERNEL_NAME } = options;
  const log = archivedLog(options.log, { kernel, archives, now: Date.now });
  const names = { subjectRoot: options.subjectRoot ?? '', source: options.source ?? '/tocsin' };
  const explaining = () => ({ log, kernel, verdicts: needed('state', state) });
  return {
    async replay(replayOptions = {}) {
      using kept = scratch();
      using selected = scratch();
      return await replay(log, kept, kernel, { ...replayOptions, keep: 'sent', selected });
    },
    async verify(verifyOptions = {}) {
      const view = needed('state', state);
      const output = needed('messages', messages);
      using kept = scratch();
      return await verify({ log, kernel, view, output, scratch: kept, names, ...verifyOptions });
    },
    async rebuild(fresh, { live, ...rebuildOptions } = {}) {
      const output = needed('messages', messages);
      return await rebuild({ log, kernel, output, state: fresh, live, names, ...rebuildOptions });
    },
    async simulate({ policies, against, axis = 'requestedAt', progress, ...options }) {
      const { limitPerMinute = DEFAULT_PER_MINUTE } = options;
      using before = scratch();
      using after = scratch();
      return await simulate(log, {
        kernel,
        before: { policies: against, state: before },
        after: { policies, state: after },
        axis,
        limitPerMinute,
        ...(progress === undefined ? {} : { progress }),
      });
    },
    explain: async (id, at) => explain(explaining(), id, at),
    explainUser: async (user, at) => explainUser(explaining(), user, at),
    requests: async (query) => listRequests({ log, verdicts: needed('state', state) }, query),
    totals: () => totalsOf(needed('state', state)),
    perMinute: (from, to) => needed('state', state).verdictMinutes(from, to),
    export: (exportOptions = {}) => exportLines({ ...exportOptions, log, kernel }),
    prove: async (proveOptions) => prove({ ...proveOptions, log, kernel }),
    consistency: async (heads) => proveConsistency({ ...heads, log, kernel }),
    compareExport: async (lines, compareOptions = {}) =>
      compareExport({ ...compareOptions, log, kernel, lines }),
    verifyExport,
    redactExport,
  };
}

function totalsOf(state: ReadModelView): AuditTotals {
  const checkpoint = state.checkpoint();
  const { triggered = 0, published = 0, suppressed = 0, parked = 0 } = checkpoint?.counts ?? {};
  return {
    position: checkpoint === undefined ? null : formatPosition(checkpoint.position),
    ...{ triggered, published, suppressed, parked },
    parkedNow: state.parkedCount(),
    reasons: Object.fromEntries(state.reasons()),
  };
}

function needed<T>(what: 'state' | 'messages', part: T | undefined): T {
  if (part !== undefined) return part;
  throw new TocsinError('usage', 'audit_incomplete', `this needs the option "${what}"`, {
    hint: 'Hand it to createAudit: state is a read model opened for reading, messages a jetStreamReader.',
  });
}
