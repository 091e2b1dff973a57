// The audit for those who embed: all of it on a log, a read model and a stream that it can only read.
// There is no publisher and no sender in these types.
import { randomBytes } from 'node:crypto';
import { TocsinError } from '../domain/core/errors.ts';
import { DEFAULT_KERNEL_NAME } from '../domain/core/ids.ts';
import type { Instant } from '../domain/core/instants.ts';
import { explain, type Explanation } from '../projections/audit/explain/explain.ts';
import { explainUser, type UserExplanation } from '../projections/audit/explain/explain-user.ts';
import { exportLines, type ExportOptions } from '../projections/audit/export/export.ts';
import type { Manifest } from '../projections/audit/export/format.ts';
import { redactExport } from '../projections/audit/export/redact-export.ts';
import { verifyExport, type ExportReport } from '../projections/audit/export/verify-export.ts';
import type {
  MessageReader,
  ReadableLog,
  ReadModelView,
  VerdictLookup,
} from '../projections/audit/reading/ports.ts';
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
  FEISHU_PER_MINUTE,
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

/** What an audit is made of. The caller closes what it hands in. */
export type AuditOptions = {
  /** The log, for reading: an `embeddedReader`, or any event store. */
  readonly log: ReadableLog;
  /** Makes a place for what a fold must find again; `temporaryReadModel` keeps memory constant. */
  readonly scratch: () => VerifyOptions['scratch'] & SimulationState;
  /** The projector's read model, one committed state of it; `verify` and `explain` need it. */
  readonly state?: ReadModelView & VerdictLookup;
  /** The output stream; `verify` and `rebuild` need it. */
  readonly messages?: MessageReader;
  /** The kernel's name. Default `tocsin`. */
  readonly name?: string;
  /** As the projector has them; `verify` makes messages with them. Default empty, and `/tocsin`. */
  readonly subjectRoot?: string;
  readonly source?: string;
};

/** What an export takes besides the log. */
export type AuditExportOptions = Omit<ExportOptions, 'log' | 'kernel' | 'salt'> &
  Partial<Pick<ExportOptions, 'salt'>>;

/** What is tried on history. */
export type AuditSimulateOptions = {
  /** By trigger type, `*` for all: what to try instead of what the log set. */
  readonly policies: Replacement;
  /** What to compare with. Default: what happened. */
  readonly against?: Replacement;
  /** What gaps, silences, days and minutes are measured by. Default `requestedAt`. */
  readonly axis?: SimulateOptions['axis'];
  /** Notifications a minute that the channel takes. Default 100, which is what Feishu takes from a bot. */
  readonly limitPerMinute?: number;
  readonly progress?: SimulateOptions['progress'];
};

export interface Audit {
  /** Every verdict again, from the log alone. */
  replay(options?: Omit<ReplayOptions, 'selected' | 'keep' | 'rulesets'>): Promise<ReplayResult>;
  /** Log, read model, stream and delivery records against each other, at the read model's checkpoint. */
  verify(options?: Pick<VerifyOptions, 'progress'>): Promise<VerifyResult>;
  /**
   * A fresh read model from the log, for a projector to go on from; nothing is sent. Every message is
   * compared on the way: where the stream is not what the log gives, it throws `refused`.
   *
   * @param fresh an empty read model; `replaceReadModel` makes one beside a file and puts it in its place
   * @param options.live what the one to be replaced had reached, if it can still be read: the end of the
   * rebuilding, where the stream holds all of it
   * @param options.to not further than this position
   */
  rebuild(
    fresh: RebuildOptions['state'],
    options?: Partial<Pick<RebuildOptions, 'live' | 'to' | 'progress'>>,
  ): Promise<RebuildResult>;
  /** History under other policies, beside what happened or beside yet others. */
  simulate(options: AuditSimulateOptions): Promise<SimulationResult>;
  /**
   * Why a trigger led to a notification, or did not. @param id a trigger's, a preview's or a notification's
   * @param at also as of this instant
   */
  explain(id: string, at?: Instant): Promise<Explanation>;
  /** What a user was told, and not told, up to an instant. */
  explainUser(user: string, at: Instant): Promise<UserExplanation>;
  /** The log as lines that prove each other, without line ends; returns the manifest. */
  export(options?: AuditExportOptions): AsyncGenerator<string, Manifest, undefined>;
  /** Checks an export with nothing but its lines. */
  verifyExport(
    lines: AsyncIterable<string>,
    options?: { readonly publicKey?: string },
  ): Promise<ExportReport>;
  /** The same export without personal parts, of one user or of all; it still verifies. */
  redactExport(
    lines: AsyncIterable<string>,
    options?: { readonly user?: string },
  ): AsyncGenerator<string, void, undefined>;
}

/**
 * Opens an audit. Nothing is read before one of its methods is called.
 *
 * Its methods throw TocsinError: `usage` where a part is missing or an id leads nowhere, `unavailable`
 * for outages, `refused` where the log needs another version of Tocsin.
 */
export function createAudit(options: AuditOptions): Audit {
  const { log, scratch, state, messages, name: kernel = DEFAULT_KERNEL_NAME } = options;
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
      const { limitPerMinute = FEISHU_PER_MINUTE } = options;
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
    export: (exportOptions = {}) => exportLines({ salt, ...exportOptions, log, kernel }),
    verifyExport,
    redactExport,
  };
}

function salt(): string {
  return randomBytes(16).toString('base64url');
}

function needed<T>(what: 'state' | 'messages', part: T | undefined): T {
  if (part !== undefined) return part;
  throw new TocsinError('usage', 'audit_incomplete', `this needs the option "${what}"`, {
    hint: 'Hand it to createAudit: state is a read model opened for reading, messages a jetStreamReader.',
  });
}
