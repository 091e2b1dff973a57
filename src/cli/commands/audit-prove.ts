// `tocsin audit prove` and `audit consistency`: proofs that others check without the log.
import type { Command } from 'commander';
import { openReader } from '../compose/compose.ts';
import { publishedOf } from '../compose/notary-view.ts';
import { writeTextFile } from '../config/usage-error.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { ARCHIVE_OPTION, type ArchiveOption } from './archive-option.ts';
import { headsOf } from './audit-heads.ts';
import { auditOf, logProgress } from './audit-log.ts';
import { register, type Work } from './command.ts';

type ProveOptions = ArchiveOption & {
  readonly id: string;
  readonly head?: string;
  readonly key?: string;
  readonly out?: string;
  readonly personal?: true;
};
type ConsistencyOptions = ArchiveOption & {
  readonly old: string;
  readonly new: string;
  readonly key?: string;
  readonly out?: string;
};

const KEY_OPTION = ['--key <KEY>', 'the notary’s public key: PEM, or what it published'] as const;

export function auditProveCommand(audit: Command): void {
  register(
    audit
      .command('prove <ID>')
      .description('prove what the log holds about one trigger, to somebody without the log')
      .option('--head <FILE>', 'a signed head, or a file of heads (default: the file of --heads)')
      .option(...KEY_OPTION)
      .option('--out <FILE>', 'the file to write; without it the proof is printed with --json')
      .option('--personal', 'show the readable personal parts, with their salts')
      .option(...ARCHIVE_OPTION),
    ['store', 'name', 'heads', 'notaryKey'],
    `ID is a trigger (ast_…), a preview (asp_…) or a notification. The proof has the events of the trigger with its
notification and delivery, and for each its path to the signed head. It has no event of another user.
"tocsin verify-proof" checks it with the public key alone. The command reads the log once and compares it with
the head first; it exits with 4 if they differ.

Example:
  tocsin audit prove ast_9c5f5bbd6d42695cc2a5cd9a63ba4dd07d_1 --out proof.json`,
    prove,
  );
  register(
    audit
      .command('consistency <OLD> <NEW>')
      .description('prove that the log of a newer head begins with the log of an older head')
      .option(...KEY_OPTION)
      .option('--out <FILE>', 'the file to write; without it the proof is printed with --json')
      .option(...ARCHIVE_OPTION),
    ['store', 'name', 'notaryKey'],
    `OLD and NEW are files with a signed head each; of a file with several heads, the last counts.

Example:
  tocsin audit consistency january.json june.json --out consistency.json`,
    consistency,
  );
}

const prove: Work<ProveOptions> = async (context, options) => {
  const { config, terminal } = context;
  const { id, head, key, out, personal = false } = options;
  const { last } = await headsOf(config, head ?? config.notary.heads, key);
  await using log = await openReader(config);
  const progress = await logProgress(log, context);
  const proof = await auditOf(config, log, { archive: options.archive }).prove({
    id,
    head: last,
    keys: publishedOf(config),
    personal,
    progress,
  });
  const { events } = proof;
  give(terminal, proof, out);
  terminal.say(
    `${events.length} events, leaves ${events.map(({ leaf }) => leaf).join(', ')} of ${last.size}, in the head of ${last.time}`,
    ...events.map(
      ({ leaf, event }) =>
        `  leaf ${leaf}  ${event.type}, event ${event.revision} of ${event.stream}`,
    ),
  );
  sayFile(terminal, out);
};

const consistency: Work<ConsistencyOptions> = async (context, options) => {
  const { config, terminal } = context;
  const { key, out } = options;
  const older = await headsOf(config, options.old, key);
  const newer = await headsOf(config, options.new, key);
  await using log = await openReader(config);
  const progress = await logProgress(log, context);
  const proof = await auditOf(config, log, { archive: options.archive }).consistency({
    older: older.last,
    newer: newer.last,
    keys: publishedOf(config),
    progress,
  });
  give(terminal, proof, out);
  terminal.say(
    `The log of ${newer.last.size} leaves begins with the log of ${older.last.size} leaves: it was only appended to.`,
  );
  sayFile(terminal, out);
};

/** The document is the proof, so that it can be kept as it is. */
function give(terminal: Terminal, proof: object, out: string | undefined): void {
  terminal.print(proof);
  if (out !== undefined) writeTextFile(out, `${JSON.stringify(proof)}\n`);
}

function sayFile({ say }: Terminal, out: string | undefined): void {
  if (out !== undefined)
    say(`${out} is written; check it with: tocsin verify-proof ${out} --key KEY`);
}
