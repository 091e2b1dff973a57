// What a restore would replace: files of another log, and files that are newer than the backup.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { embeddedReader } from '../../adapters/eventstore/embedded/store.ts';
import { indexEnds } from '../../adapters/sqlite/index-file.ts';
import { openNotaryRecord } from '../../adapters/sqlite/notary-state.ts';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import { vaultRecords } from '../../adapters/sqlite/vault/records.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { comparePositions } from '../../domain/core/positions.ts';
import { readControl } from '../../kernel/control/control.ts';
import { firstOf } from '../../projections/last-seen.ts';
import type { PartFile } from './backup-parts.ts';

/** Why a file must not be replaced without a decision. */
export type Objection = { readonly code: 'target_foreign' | 'target_newer'; readonly text: string };

const foreign = (text: string): Objection => ({ code: 'target_foreign', text });
const newer = (text: string): Objection => ({ code: 'target_newer', text });

/** What speaks against replacing the file that is there now. A damaged file may be replaced: that is why one restores. */
export async function objectionTo(
  file: PartFile,
  folder: string,
  kernel: string,
): Promise<Objection | undefined> {
  if (!existsSync(file.live)) return undefined;
  const saved = join(folder, file.path);
  try {
    switch (file.part) {
      case 'log':
        return await aboutLog(file.live, saved, kernel);
      case 'state':
        return aboutState(file.live, saved);
      case 'worker':
        return aboutIndex(file.live, saved);
      case 'vault':
        return aboutVault(file.live, saved);
      case 'notary':
        return aboutNotary(file, saved);
    }
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    if (error.code === 'file_damaged' || error.code === 'file_not_found') return undefined;
    if (error.code === 'file_foreign') return foreign(error.message);
    if (error.code === 'file_newer') return newer(error.message);
    throw error;
  }
}

async function aboutLog(live: string, saved: string, kernel: string) {
  await using now = embeddedReader(live);
  await using then = embeddedReader(saved);
  const newest = { direction: 'backwards', prefixes: [], maxCount: 1 } as const;
  const head = await firstOf(now.readAll(newest));
  if (head === undefined) return undefined;
  const [own, other] = [await readControl(now, kernel), await readControl(then, kernel)];
  if (own.storeId !== other.storeId)
    return foreign(`${live} is another log (${own.storeId ?? 'without an id'})`);
  const from = { direction: 'forwards', from: head.revision, maxCount: 1 } as const;
  const same = await firstOf(then.readStream(head.stream, from));
  if (same?.id === head.id) return undefined;
  return newer(
    `${live} has events that the backup does not have; its last one is event ${head.revision} of ${head.stream}`,
  );
}

function aboutState(live: string, saved: string) {
  using now = openReadModelReader(live);
  using then = openReadModelReader(saved);
  const [own, other] = [now.checkpoint(), then.checkpoint()];
  if (own === undefined) return undefined;
  if (other === undefined) return newer(`${live} is further than the backup, which is empty`);
  if (own.storeId !== other.storeId) return foreign(`${live} belongs to another log`);
  if (comparePositions(own.position, other.position) <= 0) return undefined;
  return newer(`${live} is further than the backup`);
}

function aboutIndex(live: string, saved: string) {
  const [now, then] = [indexEnds(live), indexEnds(saved)];
  if (now.storeId !== undefined && now.storeId !== then.storeId) {
    return foreign(`${live} belongs to another log`);
  }
  const isFurther = now.ends.some(({ name, position }) => {
    const other = then.ends.find((end) => end.name === name);
    return other === undefined || comparePositions(position, other.position) > 0;
  });
  return isFurther ? newer(`${live} is further than the backup`) : undefined;
}

function aboutNotary({ live, path }: PartFile, saved: string) {
  if (path === 'notary.key') {
    return readFileSync(live).equals(readFileSync(saved))
      ? undefined
      : foreign(`${live} is another key than the one of the backup`);
  }
  if (path === 'heads.ndjson') {
    return statSync(live).size <= statSync(saved).size
      ? undefined
      : newer(`${live} has heads that the backup does not have`);
  }
  using now = openNotaryRecord(live);
  using then = openNotaryRecord(saved);
  const [own, other] = [now.read(), then.read()];
  if (own === undefined) return undefined;
  if (own.storeId !== (other?.storeId ?? own.storeId))
    return foreign(`${live} belongs to another log`);
  const isNewer =
    own.place.size > (other?.place.size ?? 0) ||
    (now.lastHead()?.number ?? 0) > (then.lastHead()?.number ?? 0);
  return isNewer ? newer(`${live} has signed heads that the backup does not have`) : undefined;
}

function aboutVault(live: string, saved: string) {
  const [now, then] = [vaultRecords(live), vaultRecords(saved)];
  const lost = [...now.keys()].filter((name) => !then.has(name)).length;
  const back = [...then.keys()].filter((name) => !now.has(name)).length;
  if (lost === 0 && back === 0) return undefined;
  return newer(
    `${live} has ${lost} secrets that the backup does not have, and the backup would bring back ${back} that were ` +
      'shredded since, also those of users who were forgotten',
  );
}
