// `tocsin backup`: copies the files of a deployment while it runs, with the positions of log and stream.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { isEventStoreDb } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { NATS_SETTINGS } from '../config/settings.ts';
import { readRunFile } from '../config/run-file.ts';
import { packageVersion } from '../config/package-files.ts';
import { EXIT, secondsSince } from '../terminal/terminal.ts';
import { takeBackup } from './backup-take.ts';
import { register, type Work } from './command.ts';

type Options = { readonly folder: string; readonly force?: true };

export function backupCommand(program: Command): void {
  register(
    program
      .command('backup <FOLDER>')
      .description('copy store, state file, worker indexes, vault and notary while everything runs')
      .option('--force', 'replace an earlier backup in the folder'),
    ['store', ...NATS_SETTINGS, 'state', 'worker', 'vault', 'heads', 'notary', 'notaryKey', 'name'],
    `The parts fit together: no part is ahead of the log. Only you may read the files in the folder. The command writes
the manifest last: it has the position of each part, the hashes, and the position of the output stream. A folder
without a manifest is no backup.

The backup does not hold the keys of the vault, the task files, or the messages of NATS. Keep the keys elsewhere. If
consumers need old messages, back up NATS with \`nats stream backup\`. With a store behind a server (esdb://…) the
log is not copied: back up the server after this command, with the server's own tools. If NATS is away, the backup is
complete but does not have the position of the stream, and the command exits with 1.

Examples:
  tocsin backup /backup/tocsin-$(date +%F)
  tocsin backup /backup/tocsin --store embedded:var/store.db --force --json`,
    backup,
  );
}

const backup: Work<Options> = async (context, { folder, force }) => {
  const { terminal, startedAt } = context;
  const config = withOwnStore(context.config);
  const target = resolve(folder);
  const { manifest, streamAway } = await takeBackup(config, {
    folder: target,
    force: force === true,
    version: packageVersion(),
    takenAt: new Date().toISOString(),
  });
  const seconds = secondsSince(startedAt);
  const warnings = streamAway === undefined ? [] : [streamAway];
  terminal.print({ folder: target, ...manifest, warnings, seconds });
  const { files, log, stream } = manifest;
  terminal.say(
    `${target}: ${files.map(({ path }) => path).join(', ') || 'positions only'} (${seconds} s)`,
  );
  terminal.say(
    `  log: ${log.head === null ? 'empty' : `up to ${log.head.position}`}${log.kind === 'server' ? ', not copied: back up the server now' : ''}`,
  );
  if (stream !== null)
    terminal.say(`  stream ${stream.name}: up to message ${stream.lastSequence}`);
  for (const { detail, hint } of warnings) {
    terminal.say(`The position of the stream is missing: ${detail}`, hint ?? '');
  }
  return warnings.length > 0 ? EXIT.partly : EXIT.done;
};

/** A running `start` serves its file to other commands; the backup reads the file itself. */
function withOwnStore(config: Config): Config {
  const running = readRunFile();
  if (!isEventStoreDb(config.store) || running?.storeFile === undefined) return config;
  if (config.store !== running.store) return config;
  return { ...config, store: `embedded:${running.storeFile}` };
}
