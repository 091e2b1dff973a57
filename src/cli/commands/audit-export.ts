// `tocsin audit export`, `verify-export` and `redact-export`: a log as a hash-chained file.
import { asFileError, FILE_HINT, linesOf } from '../../adapters/archive/text-file.ts';
import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import type { Manifest } from '../../projections/audit/export/format.ts';
import { redactExport } from '../../projections/audit/export/redact-export.ts';
import { verifyExport, type ExportReport } from '../../projections/audit/export/verify-export.ts';
import { openReader } from '../compose/compose.ts';
import { readTextFile } from '../config/usage-error.ts';
import { EXIT, secondsSince, type Terminal } from '../terminal/terminal.ts';
import { ARCHIVE_OPTION, type ArchiveOption } from './archive-option.ts';
import { auditOf, boundOf, logProgress } from './audit-log.ts';
import { register, type Work } from './command.ts';

type ExportOptions = ArchiveOption & {
  readonly out: string;
  readonly from?: string;
  readonly to?: string;
  readonly user?: string;
  readonly type?: string;
  readonly redact?: true;
  readonly sign?: string;
};
type FileOptions = {
  readonly file: string;
  readonly key?: string;
  readonly out?: string;
  readonly user?: string;
};

export function auditExportCommand(audit: Command): void {
  register(
    audit
      .command('export')
      .description('write the log to a file as a hash chain')
      .requiredOption('--out <FILE>', 'the file to write')
      .option('--from <PLACE>', 'events at or after a position, or recorded at or after a time')
      .option('--to <PLACE>', 'events before a position, or recorded before a time')
      .option('--user <ID>', 'only streams of this user')
      .option('--type <TYPE>', 'only streams of this trigger type')
      .option('--redact', 'leave out personal data')
      .option('--sign <KEY>', 'sign the export with this private Ed25519 key (PEM file)')
      .option(...ARCHIVE_OPTION),
    ['store', 'name'],
    `Each line holds the hash of the line before it. The last line is a manifest with the root, ranges and counts.
Each event holds a salted hash of its personal data beside the data, so redact-export can remove the data
later and the chain stays valid. An export always has the control events, because verdicts depend on them.
The manifest of a whole export has the Merkle tree of the log, as in the notary's tree heads. The manifest of
a part says how many events are left out.

Examples:
  tocsin audit export --out log.ndjson --sign key.pem
  tocsin audit export --out user-42.ndjson --user 42`,
    exportLog,
  );
  register(
    audit
      .command('verify-export <FILE>')
      .description('check an export; needs only the file')
      .option('--key <KEY>', 'the public Ed25519 key (PEM file) of the expected signer'),
    [],
    'Example:\n  tocsin audit verify-export log.ndjson --key public.pem',
    check,
  );
  register(
    audit
      .command('redact-export <FILE>')
      .description('copy an export without personal data; the copy still verifies')
      .requiredOption('--out <FILE>', 'the file to write')
      .option('--user <ID>', 'remove the data of this user only'),
    [],
    'Example:\n  tocsin audit redact-export log.ndjson --out public.ndjson',
    redact,
  );
}

const exportLog: Work<ExportOptions> = async (context, options) => {
  const { config, terminal } = context;
  const { out, user, type, redact: redacted, sign, archive } = options;
  const signingKey =
    sign === undefined ? undefined : readTextFile(sign, 'file_unusable', FILE_HINT);
  await using log = await openReader(config);
  let manifest: Manifest | undefined;
  const source = auditOf(config, log, { archive }).export({
    from: boundOf('--from', options.from),
    to: boundOf('--to', options.to),
    user,
    type,
    redact: redacted,
    signingKey,
    progress: await logProgress(log, context),
  });
  async function* lines(): AsyncGenerator<string> {
    manifest = yield* source;
  }
  await writeLines(out, lines());
  if (manifest === undefined) throw new TypeError('an export ends with its manifest');
  const { events, first, last, root, omitted, tree } = manifest;
  const seconds = secondsSince(context.startedAt);
  const signed = manifest.signature !== undefined;
  terminal.print({ file: out, events, first, last, root, omitted, tree, signed, seconds });
  terminal.say(
    `${events} events in ${out}${signed ? ', signed' : ''} (${seconds} s)`,
    `root ${root}`,
    tree === null ? leftOut(omitted) : `tree of ${tree.size} leaves ${tree.root}`,
  );
};

function leftOut(omitted: number): string {
  return `It is a part of the log: ${omitted} events are left out.`;
}

const check: Work<FileOptions> = async ({ terminal }, { file, key }) => {
  const publicKey = key === undefined ? undefined : readTextFile(key, 'file_unusable', FILE_HINT);
  const report = await verifyExport(linesOf(file), { publicKey });
  terminal.print(report);
  showReport(terminal, report, key !== undefined);
  return report.faultCount === 0 ? EXIT.done : EXIT.partly;
};

function showReport({ say }: Terminal, report: ExportReport, isKnownKey: boolean): void {
  const { events, redacted, root, signature, signedBy, faults, faultCount } = report;
  say(`${events} events, ${redacted} of them without their personal data`);
  say(`root ${root ?? 'none'}`);
  if (signature === 'none')
    say('The export is not signed: compare the root with a root that you trust.');
  if (signedBy !== null) {
    const whose = isKnownKey
      ? 'the key of --key'
      : 'a key in the file; give --key to check the signer';
    say(`Signed by ${signedBy} (${whose}).`);
  }
  for (const { code, line, detail } of faults) say(`line ${line}: ${code}: ${detail}`);
  const { omitted = 0, tree = null } = report.manifest ?? {};
  if (tree !== null) say(`tree of ${tree.size} leaves ${tree.root}`);
  if (omitted > 0) say(leftOut(omitted));
  if (faultCount > 0) say(`${faultCount} faults: the file differs from the export.`);
  else say(report.whole ? 'The export is whole and unchanged.' : 'The export is unchanged.');
}

const redact: Work<FileOptions> = async ({ terminal }, { file, out = '', user }) => {
  await writeLines(out, redactExport(linesOf(file), { user }));
  terminal.print({ file: out });
  terminal.say(`${out} is written.`);
};

/** Writes the file atomically: an interrupted export leaves no file under its name. */
async function writeLines(file: string, lines: AsyncIterable<string>): Promise<void> {
  async function* text(): AsyncGenerator<string> {
    for await (const line of lines) yield `${line}\n`;
  }
  const partial = `${file}.partial`;
  try {
    await pipeline(Readable.from(text()), createWriteStream(partial, { mode: 0o600 }));
    await rename(partial, file);
  } catch (cause) {
    throw asFileError(file, cause);
  }
}
