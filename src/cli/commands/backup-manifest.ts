// The manifest of a backup: its files, and the position of each part. It is written last, so a backup without a
// manifest is not complete.
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sync } from '../../adapters/sqlite/copy-file.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { tryParseJson } from '../../domain/core/json.ts';

export const MANIFEST = 'manifest.json';

/** The version of the manifest's form. */
const VERSION = 1;

const digits = z.string().regex(/^\d{1,19}$/);
const place = z.string().regex(/^\d{1,19}\/\d{1,19}$/);
const count = z.int().min(0);

const FileSchema = z.strictObject({
  part: z.enum(['log', 'state', 'worker', 'vault', 'notary']),
  /** Within the backup. */
  path: z.string().regex(/^(?:worker\/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
  bytes: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** `PRAGMA application_id` and `PRAGMA user_version`; 0 for a file that is no database. */
  applicationId: z.int(),
  format: z.int(),
});

const ManifestSchema = z.strictObject({
  kind: z.literal('tocsin-backup'),
  version: z.literal(VERSION),
  tocsin: z.string(),
  node: z.string(),
  takenAt: z.iso.datetime(),
  /** The kernel's name. */
  name: z.string(),
  log: z.strictObject({
    /** `embedded`: a file of the backup; `server`: back it up with the server's own means. */
    kind: z.enum(['embedded', 'server']),
    storeId: z.string().nullable(),
    head: z
      .strictObject({ position: place, event: z.string(), stream: z.string(), revision: digits })
      .nullable(),
  }),
  /** The list of messages that the state file has committed. */
  list: z
    .strictObject({ position: place, ordinal: digits, digest: z.string(), sequence: digits })
    .nullable(),
  /** The output stream; null: it was away, or does not exist. */
  stream: z
    .strictObject({
      name: z.string(),
      created: z.string(),
      firstSequence: digits,
      lastSequence: digits,
      lastOrdinal: digits.nullable(),
    })
    .nullable(),
  /** The keys that the vault's records were encrypted with; the keys themselves are not in a backup. */
  vault: z.strictObject({ records: count, keys: z.array(z.string()) }).nullable(),
  files: z.array(FileSchema),
});

export type Manifest = z.output<typeof ManifestSchema>;
export type BackedUpFile = z.output<typeof FileSchema>;

/** Writes the manifest atomically; the files must be on the disk before. */
export async function writeManifest(folder: string, manifest: Omit<Manifest, 'kind' | 'version'>) {
  const whole: Manifest = { kind: 'tocsin-backup', version: VERSION, ...manifest };
  const draft = join(folder, `${MANIFEST}.draft`);
  const text = `${JSON.stringify(ManifestSchema.parse(whole), null, 2)}\n`;
  await writeFile(draft, text, { mode: 0o600 });
  await sync(draft);
  await rename(draft, join(folder, MANIFEST));
  await sync(folder);
}

/** @throws TocsinError `backup_incomplete`, `backup_newer` or `backup_damaged` */
export function readManifest(folder: string): Manifest {
  let text: string;
  try {
    text = readFileSync(join(folder, MANIFEST), 'utf8');
  } catch (cause) {
    const message = `${folder} has no ${MANIFEST}: it is no backup, or the backup was not completed`;
    const hint =
      'Name the folder of a complete backup, or take the backup again with `tocsin backup`.';
    throw new TocsinError('refused', 'backup_incomplete', message, { hint, cause });
  }
  const json = tryParseJson(text);
  const newer = z.looseObject({ kind: z.literal('tocsin-backup'), version: z.int() });
  const seen = newer.safeParse(json);
  if (seen.success && seen.data.version > VERSION) {
    const message = `${folder} was made by a newer version (${seen.data.version}, this version knows ${VERSION})`;
    const hint = 'Restore it with the version that made it, or with a newer version.';
    throw new TocsinError('refused', 'backup_newer', message, { hint });
  }
  const parsed = ManifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
  throw new TocsinError('refused', 'backup_damaged', `${folder}/${MANIFEST} is damaged: ${where}`, {
    hint: 'Restore another backup. Do not repair the manifest by hand: it proves that the files fit together.',
  });
}
