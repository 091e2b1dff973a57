// Opens a notary with the system's clock, and runs it: reads the log, signs tree heads and gives them away.
import { backoffMs, PROCESS_BACKOFF } from '../domain/core/backoff.ts';
import { TocsinError } from '../domain/core/errors.ts';
import { DEFAULT_KERNEL_NAME } from '../domain/core/ids.ts';
import { parseInstant } from '../domain/core/instants.ts';
import { unlessAborted } from '../domain/core/signals.ts';
import { silentLogger, type Logger } from '../domain/ports/logger.ts';
import type { Clock } from '../domain/ports/runtime.ts';
import { noTelemetry, type Telemetry } from '../domain/ports/telemetry.ts';
import { archivedLog } from '../projections/archive/archived-log.ts';
import type { ArchiveSource } from '../projections/archive/format.ts';
import type { ReadableLog } from '../projections/audit/reading/ports.ts';
import type { HeadSigner, TreeHead } from '../projections/notary/head.ts';
import { Notary as Tree, type HeadOutput } from '../projections/notary/notary.ts';
import type { NotaryState } from '../projections/notary/state.ts';
import { systemRuntime } from './decider/runtime.ts';
import { silentReport, type ProcessReport } from './processes/due/process.ts';

/** How often the end of the log is read. */
const POLL_MS = 1_000;
const DEFAULT_EVERY_MS = 60_000;

/** The caller closes log and state after the notary has stopped. */
export type NotaryOptions = {
  /** The log, for reading. */
  readonly log: ReadableLog;
  /** The files of the log's archives, for a notary that has not read them yet. Without them it then refuses. */
  readonly archives?: readonly ArchiveSource[];
  /** The notary's state; this notary is its one owner. */
  readonly state: NotaryState;
  /** Signs heads with an Ed25519 key. */
  readonly signer: HeadSigner;
  /** Where heads go: at least one of them should be out of reach of whoever can write to the log. */
  readonly outputs: readonly HeadOutput[];
  /** The kernel's name. Default `tocsin`. */
  readonly name?: string;
  /** Milliseconds between two heads while the log grows. Default 60,000. */
  readonly everyMs?: number;
  /** The share of the thread's time that it may take while it catches up, above 0 and at most 1. Default 1. */
  readonly share?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Where heads and failures are counted. */
  readonly telemetry?: Telemetry;
  /** @internal Milliseconds between two reads of the log's end, for tests. */
  readonly pollMs?: number;
};

export interface Notary {
  /**
   * Reads, signs and gives heads away until the signal; waits out outages.
   * @throws TocsinError `refused` when the log is not consistent with a head that was signed: `log_changed`,
   * `head_inconsistent`, `notary_of_other_log`
   */
  run(signal: AbortSignal, report?: ProcessReport): Promise<void>;
  /**
   * Reads the log to its end, signs a head if there is anything new, and gives it away.
   * @returns the last head; `undefined` for an empty log
   * @throws TocsinError as `run`, and `unavailable` when the store is away or an output takes no head
   */
  once(signal: AbortSignal): Promise<TreeHead | undefined>;
}

/** Opens a notary. Nothing is read before `run` or `once`. */
export function openNotary(options: NotaryOptions): Notary {
  const { archives = [], state, signer, outputs, name: kernel = DEFAULT_KERNEL_NAME } = options;
  const { everyMs = DEFAULT_EVERY_MS, pollMs = POLL_MS, share = 1 } = options;
  const { logger = silentLogger, telemetry = noTelemetry } = options;
  const runtime = systemRuntime(options.clock);
  const whole = { kernel, archives, now: runtime.now, verifiesFirst: true };
  const log = archivedLog(options.log, whole);
  const tree = new Tree({ log, kernel, state, signer, outputs, runtime, logger, share });
  let signedAt = -Infinity;

  const round = async (signal: AbortSignal): Promise<ReadonlyMap<string, string>> => {
    await tree.catchUp(signal);
    if (signal.aborted) return new Map();
    if (runtime.elapsed() - signedAt >= everyMs) {
      await tree.reread();
      const head = tree.sign();
      signedAt = runtime.elapsed();
      if (head !== undefined) {
        telemetry.count('tocsin.notary.heads');
        logger.debug({ size: head.size, root: head.root }, 'a tree head was signed');
      }
    }
    const failed = await tree.give(signal);
    for (const receiver of failed.keys()) telemetry.count('tocsin.notary.failures', { receiver });
    return failed;
  };

  /** Has the gauges read while the notary runs. */
  const observed = (): Disposable => {
    const stops = [
      telemetry.observe('tocsin.notary.unsigned', () => [
        [tree.size - (state.lastHead()?.head.size ?? 0)],
      ]),
      telemetry.observe('tocsin.notary.head_age', () => [[ageOf(state.lastHead()?.head)]]),
    ];
    return {
      [Symbol.dispose]() {
        for (const stop of stops) stop();
      },
    };
  };

  /** In seconds; 0 before the first head. */
  const ageOf = (head: TreeHead | undefined): number => {
    const signed = head === undefined ? undefined : parseInstant(head.time);
    return signed?.ok === true ? Math.max(0, (runtime.now() - signed.value) / 1_000) : 0;
  };

  return {
    async run(signal, report = silentReport) {
      using _observed = observed();
      for (let failures = 0; !signal.aborted;) {
        try {
          const failed = await unlessAborted(round(signal), signal, () => new Map());
          for (const [output, reason] of failed) report.waits(`${output}: ${String(reason)}`);
          if (failed.size === 0) report.works();
          failures = 0;
          await runtime.pause(pollMs, signal);
        } catch (error) {
          if (!(error instanceof TocsinError) || error.kind !== 'unavailable') throw error;
          report.waits(error.message);
          await runtime.pause(backoffMs(failures, PROCESS_BACKOFF, runtime.random), signal);
          failures += 1;
        }
      }
    },
    async once(signal) {
      signedAt = -Infinity;
      for (const [output, reason] of await round(signal)) {
        throw new TocsinError('unavailable', 'head_not_given', `${output}: ${reason}`, {
          hint: 'The head is signed and kept: it is given when the notary runs again.',
        });
      }
      return state.lastHead()?.head;
    },
  };
}
