// `tocsin audit verify`: compares log, read model, output stream and delivery records.
import type { Command } from 'commander';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import type { VerifyResult } from '../../projections/audit/verify/verify.ts';
import { openMessageReader, openReader } from '../compose/compose.ts';
import { EXIT, secondsSince, type Terminal } from '../terminal/terminal.ts';
import { NATS_SETTINGS } from '../config/settings.ts';
import { headsOf, withNotedLeaves } from './audit-heads.ts';
import { ARCHIVE_OPTION, type ArchiveOption } from './archive-option.ts';
import { auditOf, logProgress } from './audit-log.ts';
import { register, type Work } from './command.ts';

/** How many differences the text output shows; the JSON has the first thousand. */
const SHOWN = 20;

export function auditVerifyCommand(audit: Command): void {
  register(
    audit
      .command('verify')
      .description('compare log, read model, output stream and delivery records')
      .option('--head <FILE>', 'compare the log with signed heads that were kept elsewhere')
      .option('--key <KEY>', 'the notary’s public key: a PEM file, or what it published')
      .option(...ARCHIVE_OPTION),
    ['store', ...NATS_SETTINGS, 'state', 'name', 'source', 'notary', 'notaryKey'],
    `The command compares all parts at the read model's checkpoint at its start, so it can run beside a running
projector. It names each difference, its meaning and what to do, and exits with 1 if it finds a difference. It
cannot verify messages before the stream's first sequence: it counts these messages, and does not report them as
differences.

Differences of the log come first. They can cause differences in the parts that are made from the log; the command
counts those and does not list them. --head takes a head, or a file of --heads. A file of --heads also holds the
leaves, so the command can name the first leaf that differs.

Examples:
  tocsin audit verify --json
  tocsin audit verify --head /mnt/elsewhere/heads.ndjson --key notary-keys.json`,
    verifyAll,
  );
}

type Options = ArchiveOption & { readonly head?: string; readonly key?: string };

const verifyAll: Work<Options> = async (context, { head, key, archive }) => {
  const { config, terminal } = context;
  using witness =
    head === undefined ? undefined : withNotedLeaves(await headsOf(config, head, key), config);
  using state = openReadModelReader(config.state, { snapshot: true });
  await using log = await openReader(config);
  await using messages = await openMessageReader(config);
  const progress = await logProgress(log, context);
  const result = await auditOf(config, log, { state, messages, archive }).verify({
    progress,
    witness,
  });
  const seconds = secondsSince(context.startedAt);
  terminal.print({ ...result, seconds });
  if (witness?.areSigned === false)
    terminal.note('The signatures of the heads were not checked: give --key.');
  showResult(terminal, result, seconds);
  return result.mismatches.length === 0 ? EXIT.done : EXIT.partly;
};

function showResult({ say }: Terminal, result: VerifyResult, seconds: number): void {
  const { cut, messages } = result;
  say(
    `${result.events} events up to ${cut.position}: ${result.published} notifications published, ` +
      `${result.suppressed} suppressed, ${result.parked} parked; ${messages.compared} messages and ` +
      `${result.deliveries} delivery records compared (${seconds} s)`,
  );
  if (messages.notVerifiable > 0) {
    say(
      `${messages.notVerifiable} messages before the stream's first sequence cannot be verified.`,
    );
  }
  if (messages.foreign > 0)
    say(`${messages.foreign} messages in the stream are from other producers.`);
  if (result.heads !== null) {
    const { covered, verified } = result.heads;
    say(
      covered === verified
        ? `All ${covered} leaves that the heads cover are as they were signed.`
        : `${verified} of the ${covered} leaves that the heads cover are as they were signed.`,
    );
  }
  const counts = Object.entries(result.mismatchCounts).filter(
    ([code]) => !(code in result.consequences),
  );
  if (counts.length === 0) {
    say('No differences.');
    return;
  }
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  say('', `${total} differences: ${counts.map(([code, n]) => `${n} ${code}`).join(', ')}`);
  for (const { code, where, detail, meaning, action } of result.mismatches.slice(0, SHOWN)) {
    say('', `${code}  ${where}`, `  ${detail}`, `  ${meaning}`, `  ${action}`);
  }
  if (total > SHOWN) say('', `and ${total - SHOWN} more; --json lists the first thousand.`);
  const consequences = Object.entries(result.consequences);
  if (!result.logInDoubt) return;
  say(
    '',
    'The log itself is in doubt: do not rebuild anything from it before it is clear what happened.',
  );
  if (consequences.length > 0)
    say(
      `These differences may follow: ${consequences.map(([code, n]) => `${n} ${code}`).join(', ')}`,
    );
}
