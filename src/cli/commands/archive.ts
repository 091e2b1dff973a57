// `tocsin archive`: moves closed streams out of the log into a verified file.
import type { Command } from 'commander';
import { archiveFile } from '../../adapters/archive/archive-file.ts';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import { archive, type ArchiveResult } from '../../kernel/archive/archive.ts';
import { openForUpkeep } from '../compose/compose.ts';
import { CLI_ACTOR, kernelContext } from '../compose/kernel-context.ts';
import { loadProduct } from '../config/product.ts';
import { readTextFile } from '../config/usage-error.ts';
import { EXIT, secondsSince, type Terminal } from '../terminal/terminal.ts';
import { headsOf } from './audit-heads.ts';
import { timeOf } from './audit-log.ts';
import { register, type Work } from './command.ts';

type Options = {
  readonly before: string;
  readonly out: string;
  readonly dryRun?: true;
  readonly plain?: true;
  readonly head?: string;
  readonly key?: string;
  readonly sign?: string;
  readonly actor: string;
};

export function archiveCommand(program: Command): void {
  register(
    program
      .command('archive')
      .description(
        'move closed triggers with their deliveries out of the log, into a verified file',
      )
      .requiredOption('--before <TIME>', 'archive events that were recorded before this time')
      .requiredOption('--out <FILE>', 'the file to write')
      .option('--dry-run', 'write and remove nothing; say what would leave')
      .option('--head <FILE>', 'signed heads that the log must fit')
      .option('--key <KEY>', 'the notary’s public key: a PEM file, or what it published')
      .option('--sign <KEY>', 'sign the file with this private Ed25519 key (PEM file)')
      .option('--plain', 'allow personal texts that are not sealed, although there is a vault')
      .option('--actor <NAME>', 'who archives; recorded in the log', CLI_ACTOR),
    ['store', 'state', 'name', 'vault', 'vaultKeyFile', 'notaryKey'],
    `The file gets all events after the last archive that were recorded before the time. The command reads it back and
checks it, records it in the log, and then removes the triggers that are closed, with their deliveries and idempotency
keys. What is open, can still be delivered, or has a scope without a window stays. A scope or key that was used stays
used: a raise onto it is rejected with stream_deleted.

The time must be older than every window and policy, and the projector must have passed it. The command can run beside
running parts with \`tocsin store\`. You can kill it and run it again: it continues.

Keep the file as long as you need its history: \`audit replay\`, \`audit verify\`, \`audit explain\` and others then take
it with --archive. Without it they refuse (log_archived).

Examples:
  tocsin archive --before 2026-01-01T00:00:00Z --out /archive/2025.ndjson --dry-run
  tocsin archive --before 2026-01-01T00:00:00Z --out /archive/2025.ndjson --head heads.ndjson
  tocsin audit replay --archive /archive/2025.ndjson`,
    archiveLog,
  );
}

const archiveLog: Work<Options> = async (context, options) => {
  const { config, terminal, signal } = context;
  const before = timeOf('--before', options.before);
  const { sign, head, dryRun = false } = options;
  const heads = head === undefined ? [] : (await headsOf(config, head, options.key)).heads;
  const signingKey =
    sign === undefined
      ? undefined
      : readTextFile(sign, 'file_unusable', 'Check the path, and that this user may read there.');
  const { triggers } = await loadProduct();
  using state = openReadModelReader(config.state);
  await using opened = await openForUpkeep(config, 'tocsin archive');
  const { store, remover } = opened;
  const parts = { ...kernelContext(store, config.name), remover, state, triggers };
  const result = await archive(
    parts,
    {
      before,
      file: archiveFile(options.out),
      dryRun,
      plain: options.plain ?? !config.vault.wasGiven,
      heads,
      signingKey,
      signal,
      progress(step, done) {
        terminal.progress(() => `${step}: ${done.toLocaleString('en')}`);
      },
    },
    { actor: options.actor },
  );
  const seconds = secondsSince(context.startedAt);
  const { archive: made, ...rest } = result;
  const upTo = made === null ? null : formatPosition(made.upTo);
  terminal.print({ archive: made && { ...made, upTo }, ...rest, dryRun, seconds });
  say(terminal, result, dryRun, seconds);
  return EXIT.done;
};

function say({ say: line }: Terminal, result: ArchiveResult, isDry: boolean, seconds: number) {
  const { archive: made, heads, removed, kept, space } = result;
  const would = isDry ? 'would be ' : '';
  if (made === null) line('The log has no new events before this time.');
  else {
    line(
      `${made.events} events ${would}written to ${made.file} (${made.bytes} bytes), up to ${formatPosition(made.upTo)}`,
      `tree of ${made.tree.size} leaves ${made.tree.root}`,
    );
    if (made.plain > 0) line(`${made.plain} of them have personal texts that are not sealed.`);
  }
  if (heads !== null) line(`${heads.verified} leaves are as they were signed.`);
  line(
    `${removed.triggers} triggers ${would}removed from the log: ${removed.streams} streams, ${removed.events} events`,
  );
  const reasons = Object.entries(kept).map(([why, count]) => `${count} ${why}`);
  if (reasons.length > 0) line(`kept: ${reasons.join(', ')}`);
  if (space !== null) line(`the store’s file has ${space.size} bytes, ${space.free} of them free`);
  line(`(${seconds} s)`);
}
