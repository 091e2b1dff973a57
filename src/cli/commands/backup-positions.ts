// The position of each part of a deployment, for the manifest of a backup.
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import { vaultRecords } from '../../adapters/sqlite/vault/records.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import { readControl } from '../../kernel/control/control.ts';
import type { MessageReader } from '../../projections/audit/reading/ports.ts';
import { firstOf } from '../../projections/last-seen.ts';
import { identityOf } from '../../projections/publisher/sequence-map.ts';
import type { LogReader } from '../compose/compose.ts';
import type { Manifest } from './backup-manifest.ts';

export async function logPosition(
  log: LogReader,
  name: string,
  kind: Manifest['log']['kind'],
): Promise<Manifest['log']> {
  const { storeId } = await readControl(log, name);
  const newest = { direction: 'backwards', prefixes: [`${name}.`], maxCount: 1 } as const;
  const event = await firstOf(log.readAll(newest));
  const head = event && {
    position: formatPosition(event.position),
    event: event.id,
    stream: event.stream,
    revision: String(event.revision),
  };
  return { kind, storeId: storeId ?? null, head: head ?? null };
}

export function listPosition(file: string): Manifest['list'] {
  using state = openReadModelReader(file);
  const checkpoint = state.checkpoint();
  if (checkpoint === undefined) return null;
  const { position, ordinal, digest, sequence } = checkpoint;
  return {
    position: formatPosition(position),
    ordinal: String(ordinal),
    digest,
    // A list without a message starts before the first sequence.
    sequence: String(sequence > 0n ? sequence : 0n),
  };
}

export async function streamPosition(messages: MessageReader): Promise<Manifest['stream']> {
  const info = await messages.info();
  if (info === undefined) return null;
  const { stream, created, firstSequence, lastSequence } = info;
  let lastOrdinal: bigint | undefined;
  for await (const page of messages.messages(lastSequence, lastSequence)) {
    for (const message of page) lastOrdinal = identityOf(message)?.ordinal;
  }
  return {
    name: stream,
    created,
    firstSequence: String(firstSequence),
    lastSequence: String(lastSequence),
    lastOrdinal: lastOrdinal === undefined ? null : String(lastOrdinal),
  };
}

export function vaultPosition(file: string): NonNullable<Manifest['vault']> {
  const records = vaultRecords(file);
  return { records: records.size, keys: [...new Set(records.values())].toSorted() };
}
