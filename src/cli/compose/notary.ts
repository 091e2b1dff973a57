// The notary that the settings describe: its state, its key, and where its heads go.
import { existsSync } from 'node:fs';
import { headsFile } from '../../adapters/notary/heads-file.ts';
import { headsWebhook } from '../../adapters/notary/heads-webhook.ts';
import { ensureNotaryKey } from '../../adapters/notary/key-file.ts';
import { sqliteNotaryState } from '../../adapters/sqlite/notary-state.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { Telemetry } from '../../domain/ports/telemetry.ts';
import { openNotary, type Notary } from '../../kernel/open-notary.ts';
import type { ArchiveSource } from '../../projections/archive/format.ts';
import type { ReadableLog } from '../../projections/audit/reading/ports.ts';
import type { HeadOutput } from '../../projections/notary/notary.ts';
import type { Config } from '../config/config.ts';
import type { TreeHead } from '../../projections/notary/head.ts';
import { natsOptions } from './compose.ts';
import { acceptRestored, isRestored, knownHead, notaryRestored } from './restored-notary.ts';

export type NotaryParts = {
  readonly log: ReadableLog;
  readonly archives?: readonly ArchiveSource[];
  readonly logger: Logger;
  readonly owner: string;
  readonly telemetry?: Telemetry;
  /** The share of the thread that it may take. */
  readonly share?: number;
  /** The last head that somebody holds, for a state that was restored. */
  readonly after?: TreeHead;
};

/** Opens the notary; makes its key at the first start. Disposing closes its state. */
export async function openConfiguredNotary(
  config: Config,
  { log, archives = [], logger, owner, share, telemetry, after }: NotaryParts,
): Promise<Notary & Disposable> {
  const { notary } = config;
  const isNew = !existsSync(notary.key);
  const { signer } = ensureNotaryKey(notary.key, Date.now());
  if (isNew) logger.info({ key: signer.key, file: notary.key }, 'made a key for tree heads');
  const outputs = [
    ...(after === undefined ? [] : [knownHead(after)]),
    ...(await outputsOf(config)),
  ];
  const state = sqliteNotaryState({ file: notary.state, owner });
  const opened = openNotary({
    log,
    archives,
    state,
    signer,
    outputs,
    name: config.name,
    everyMs: notary.everyMs,
    logger,
    ...(share === undefined ? {} : { share }),
    ...(telemetry === undefined ? {} : { telemetry }),
  });
  /** Runs only with a state that knows the last head. */
  const known = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!isRestored(notary.state)) return work();
    if (after === undefined) throw notaryRestored(notary.state);
    const result = await work();
    acceptRestored(notary.state);
    return result;
  };
  return {
    run: (...args) => known(() => opened.run(...args)),
    once: (...args) => known(() => opened.once(...args)),
    [Symbol.dispose]() {
      state[Symbol.dispose]();
    },
  };
}

async function outputsOf(config: Config): Promise<readonly HeadOutput[]> {
  const { heads, subject, webhook } = config.notary;
  const outputs = [headsFile(heads)];
  if (webhook !== undefined) outputs.push(headsWebhook(webhook));
  if (subject !== undefined) {
    const { headsSubject } = await import('../../adapters/nats/heads-subject.ts');
    outputs.push(headsSubject({ ...natsOptions(config), name: 'tocsin notary' }, subject));
  }
  return outputs;
}
