// `tocsin restore`: puts a backup in place, and says which parts fit together and what to do for a part that does not fit.
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { TocsinError } from '../../domain/core/errors.ts';
import { isEventStoreDb } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { NATS_SETTINGS } from '../config/settings.ts';
import { usageError } from '../config/usage-error.ts';
import { markRestored } from '../compose/restored-notary.ts';
import { EXIT, secondsSince, type Terminal } from '../terminal/terminal.ts';
import { readManifest, type Manifest } from './backup-manifest.ts';
import { liveFile, PARTS, type PartName } from './backup-parts.ts';
import { register, type Work } from './command.ts';
import type { Check } from './doctor-check.ts';
import { assertWhole, lockAll, restoreFiles, type ToRestore } from './restore-files.ts';
import { fitOf, inBackup } from './restore-fit.ts';
import { objectionTo, type Objection } from './restore-targets.ts';

type Options = {
  readonly folder: string;
  readonly only?: readonly PartName[];
  readonly check?: true;
  readonly force?: true;
};

export function restoreCommand(program: Command): void {
  register(
    program
      .command('restore <FOLDER>')
      .description('put a backup in place, and say what fits and what needs a decision')
      .addOption(new Option('--only <PART...>', 'only these parts').choices(PARTS))
      .option('--check', 'only compare; replace nothing')
      .option('--force', 'replace files that are newer than the backup, or belong to another log'),
    [
      ...(['store', ...NATS_SETTINGS, 'state', 'worker', 'vault', 'vaultKeyFile'] as const),
      ...(['heads', 'notary', 'notaryKey', 'name'] as const),
    ],
    `Stop every process of the deployment first. The command checks the hashes of the backup and puts the files in place.
It compares the log with the state file, the indexes, the vault and the output stream. Replaced files stay beside the
new files, with the ending .before-TIME. Without --force the command refuses to replace a file that is newer than the
backup or belongs to another log, because the content of this file would be lost. It exits with 1 if a part needs a
decision afterwards, and names the decision. docs/backup.md has the order in which to restore an embedded store and a
cluster.

Examples:
  tocsin restore /backup/tocsin-2026-07-01 --check
  tocsin restore /backup/tocsin-2026-07-01 --nats nats://127.0.0.1:4222
  tocsin restore /backup/tocsin-2026-07-01 --only vault`,
    restore,
    { useRunFile: () => false },
  );
}

const restore: Work<Options> = async ({ config, terminal, startedAt }, options) => {
  const { check = false, force = false } = options;
  const folder = resolve(options.folder);
  const manifest = readManifest(folder);
  const files = chosenFiles(config, manifest, options.only);
  await assertWhole(folder, files);
  using _locks = check ? undefined : lockAll(files);
  const objections = await objectionsTo(files, folder, config.name);
  const chosen = new Set(files.map(({ part }) => part));
  const checks = await fitOf(inBackup(config, folder, chosen));
  if (!check && !force) assertReplaceable(objections);
  const { takenAt } = manifest;
  const ending = `before-${new Date().toISOString().replaceAll(/[:.]/g, '')}`;
  const restored = check ? [] : await restoreFiles(folder, files, ending);
  if (restored.some(({ file }) => file === config.notary.state)) markRestored(config.notary.state);
  const seconds = secondsSince(startedAt);
  terminal.print({ folder, takenAt, restored, objections, checks, seconds });
  report(terminal, { takenAt, restored, objections: check ? objections : [], checks });
  const needsDecision = checks.some(({ status }) => status === 'failed');
  return needsDecision || (check && objections.length > 0) ? EXIT.partly : EXIT.done;
};

function chosenFiles(
  config: Config,
  { name, files }: Manifest,
  only: readonly PartName[] | undefined,
): readonly ToRestore[] {
  if (name !== config.name) {
    const hint = `Give --name ${name}, or restore a backup of the kernel ${config.name}.`;
    throw usageError('other_kernel', `the backup is of the kernel ${name}`, hint);
  }
  const absent = only?.filter((part) => !files.some((file) => file.part === part)) ?? [];
  if (absent.length > 0) {
    const held = [...new Set(files.map(({ part }) => part))].join(', ') || 'only positions';
    throw usageError('part_missing', `the backup has no ${absent.join(', ')}`, `It holds ${held}.`);
  }
  const chosen = files.filter(({ part }) => only?.includes(part) ?? true);
  if (chosen.some(({ part }) => part === 'log') && isEventStoreDb(config.store)) {
    const hint =
      'Give --store embedded:FILE. To move the log to a server, restore it to a file, and use `tocsin store copy`.';
    throw usageError('invalid_store', 'a log in a file cannot be restored to a server', hint);
  }
  return chosen.map(({ part, path, sha256 }) => ({
    part,
    path,
    sha256,
    live: liveFile(config, part, path),
  }));
}

async function objectionsTo(
  files: readonly ToRestore[],
  folder: string,
  kernel: string,
): Promise<readonly Objection[]> {
  const found = await Promise.all(files.map((file) => objectionTo(file, folder, kernel)));
  return found.filter((objection) => objection !== undefined);
}

function assertReplaceable(objections: readonly Objection[]): void {
  const first = objections.find(({ code }) => code === 'target_foreign') ?? objections[0];
  if (first === undefined) return;
  const hint =
    'Nothing was replaced. Check the paths. To replace these files anyway, use --force: they stay beside the ' +
    'restored files.';
  const text = objections.map(({ text: each }) => each).join('; ');
  throw new TocsinError('refused', first.code, text, { hint });
}

type Report = {
  readonly takenAt: string;
  readonly restored: Awaited<ReturnType<typeof restoreFiles>>;
  readonly objections: readonly Objection[];
  readonly checks: readonly Check[];
};

function report({ say }: Terminal, { takenAt, restored, objections, checks }: Report): void {
  say(`Backup of ${takenAt}`);
  for (const { file, replaced } of restored) {
    say(`restored ${file}${replaced === null ? '' : ` (the replaced file is ${replaced})`}`);
  }
  for (const { code, text } of objections) say(`needs --force  ${code}: ${text}`);
  for (const { name, status, detail, code, hint } of checks) {
    const mark = { ok: 'fits     ', warning: 'goes on  ', failed: 'DECIDE   ' }[status];
    const text = `${mark}  ${name}: ${code === undefined ? '' : `${code}: `}${detail}`;
    say(text, ...(hint === undefined ? [] : [`           ${hint}`]));
  }
}
