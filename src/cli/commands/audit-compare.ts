// `tocsin audit compare`: compares an export with today's log.
import { linesOf } from '../../adapters/archive/text-file.ts';
import type { Command } from 'commander';
import type { Comparison } from '../../projections/audit/export/compare-export.ts';
import { openReader } from '../compose/compose.ts';
import { EXIT, secondsSince, type Terminal } from '../terminal/terminal.ts';
import { auditOf, logProgress } from './audit-log.ts';
import { register, type Work } from './command.ts';

/** How many differences the text output shows; the JSON has the first thousand. */
const SHOWN = 20;

export function auditCompareCommand(audit: Command): void {
  register(
    audit.command('compare <EXPORT>').description('compare an export with the log as it is now'),
    ['store', 'name'],
    `The export may be whole, a part, or without personal data: its events have the same hashes. The command names each
exported event that the log no longer has, or has in another form or at another place, and each event that was put in
between. Events after the last exported event are counted and are no difference. It exits with 1 if the log differs, or
if the export itself is faulty.

Examples:
  tocsin audit compare log.ndjson
  tocsin audit compare user-42.ndjson --store esdb://localhost:2113 --json`,
    compare,
  );
}

const compare: Work<{ readonly export: string }> = async (context, { export: file }) => {
  const { config, terminal } = context;
  await using log = await openReader(config);
  const progress = await logProgress(log, context);
  const result = await auditOf(config, log).compareExport(linesOf(file), { progress });
  const seconds = secondsSince(context.startedAt);
  terminal.print({ ...result, seconds });
  show(terminal, result, seconds);
  const isSame = result.differenceCount === 0 && result.export.faultCount === 0;
  return isSame ? EXIT.done : EXIT.partly;
};

function show({ say }: Terminal, result: Comparison, seconds: number): void {
  const { compared, later, differences, differenceCount, counts } = result;
  say(`${compared} exported events compared; the log has ${later} later events (${seconds} s)`);
  const { faults, faultCount } = result.export;
  for (const { code, line, detail } of faults.slice(0, SHOWN))
    say(`line ${line} of the export: ${code}: ${detail}`);
  if (faultCount > 0)
    say(`${faultCount} faults: the file differs from the export that was written.`);
  if (differenceCount === 0 && faultCount === 0) say('The log is as it was exported.');
  if (differenceCount === 0) return;
  const kinds = Object.entries(counts).map(([code, count]) => `${count} ${code}`);
  say('', `${differenceCount} differences: ${kinds.join(', ')}`);
  for (const { code, where, detail, meaning } of differences.slice(0, SHOWN))
    say('', `${code}  ${where}`, `  ${detail}`, `  ${meaning}`);
  if (differenceCount > SHOWN)
    say('', `and ${differenceCount - SHOWN} more; --json lists the first thousand.`);
}
