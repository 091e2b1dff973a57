// The checks of `tocsin doctor` that the log is the log of the state file and of the output stream. They find in advance
// what a projector would refuse, as far as the last event and the last message show it.
import { existsSync } from 'node:fs';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import { controlStream, messageId } from '../../domain/core/ids.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { assertNotHidden } from '../../domain/ports/hidden-stream.ts';
import type { OutputGeneration } from '../../domain/control/state.ts';
import { projectionPrefixes } from '../../projections/dedupe/classify.ts';
import type { MessageRule } from '../../projections/dedupe/messages.ts';
import { firstOf } from '../../projections/last-seen.ts';
import type { StoredMessage } from '../../projections/output.ts';
import { assertSameStore, lastFolded } from '../../projections/publisher/log-checks.ts';
import { OLDER_LOG, refusals } from '../../projections/publisher/refusals.ts';
import { identityOf } from '../../projections/publisher/sequence-map.ts';
import type { Checkpoint } from '../../projections/read-model.ts';
import { readControl } from '../../kernel/control/control.ts';
import {
  hasEmbeddedFile,
  isEventStoreDb,
  natsOptions,
  openReader,
  type LogReader,
} from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { failed, ok, type Check, type Checked } from './doctor-check.ts';

/** How many messages at the stream's end are looked at for one of ours. */
const LAST_MESSAGES = 64n;

/** The log against the state file, and against the output stream where NATS can be reached. */
export async function checkTogether(
  config: Config,
  hasNats: boolean,
  checked: Checked,
): Promise<readonly Check[]> {
  try {
    return await compareParts(config, hasNats, checked);
  } catch (error) {
    // Another process may be making the files: a check fails, not the command.
    return [failed('log', error)];
  }
}

async function compareParts(
  config: Config,
  hasNats: boolean,
  checked: Checked,
): Promise<readonly Check[]> {
  const { store, name, state } = config;
  const checkpoint = checkpointIn(state);
  if (!isEventStoreDb(store) && !hasEmbeddedFile(store)) {
    if (checkpoint === undefined) return [];
    return [failed('log', refusals.logShorter('its first event'))];
  }
  await using log = await openReader(config);
  const { storeId, output } = await readControl(log, name);
  return [
    ...(checkpoint === undefined
      ? []
      : [await checked('log', () => checkCheckpoint(config, log, storeId, checkpoint))]),
    ...(output === undefined || !hasNats
      ? []
      : [await checked('output', () => checkOutput(config, log, output))]),
  ];
}

function checkpointIn(file: string): Checkpoint | undefined {
  if (!existsSync(file)) return undefined;
  using state = openReadModelReader(file);
  return state.checkpoint();
}

/** @throws TocsinError `log_shorter`, `store_changed` or `stream_hidden` */
async function checkCheckpoint(
  { name, state }: Config,
  log: LogReader,
  storeId: string | undefined,
  checkpoint: Checkpoint,
): Promise<Check> {
  // Hidden events are no shorter log.
  if (storeId === undefined) await assertNotHidden(log, controlStream(name));
  assertSameStore(checkpoint, storeId);
  await lastFolded(log, checkpoint, projectionPrefixes(name));
  return ok('log', `holds the last event of ${state}`);
}

/** @throws TocsinError `output_missing`, `output_replaced`, `output_ahead` or `output_disagrees` */
async function checkOutput(
  config: Config,
  log: LogReader,
  { base, created, stream }: OutputGeneration,
): Promise<Check> {
  const { jetStreamOutput } = await import('../../adapters/nats/output.ts');
  await using session = await jetStreamOutput({
    ...natsOptions(config),
    name: 'tocsin doctor',
  }).connect();
  const info = await session.info();
  if (info === undefined) throw refusals.missing(stream);
  if (info.stream !== stream || info.created !== created) {
    throw refusals.replaced(info.stream, created, info.created);
  }
  const end = info.lastSequence;
  const first = [base, end - LAST_MESSAGES, info.firstSequence - 1n].reduce((a, b) =>
    a > b ? a : b,
  );
  let last: StoredMessage | undefined;
  // One by one: a consumer, which reads faster, would be a change at the server.
  for (let sequence = end; sequence > first && last === undefined; sequence--) {
    const message = await session.read(sequence);
    if (message !== undefined && identityOf(message) !== undefined) last = message;
  }
  if (last === undefined) return ok('output', `${stream} ends without a message of this log`);
  await assertDecided(log, stream, last);
  return ok('output', `the log holds the event of message ${last.sequence}`);
}

/** The event of a message must be in the log. */
async function assertDecided(
  log: LogReader,
  output: string,
  message: StoredMessage,
): Promise<void> {
  const { sequence, headers } = message;
  const stream = headers.get('Tocsin-Stream') ?? '';
  const revision = BigInt(headers.get('Tocsin-Revision') ?? 0);
  const one = { direction: 'forwards', from: revision, maxCount: 1 } as const;
  const event = await firstOf(log.readStream(stream, one));
  if (event === undefined) {
    await assertNotHidden(log, stream);
    // A deleted stream cannot be read, but the log still holds its events.
    const newest = { direction: 'backwards', prefixes: [stream], maxCount: 1 } as const;
    const kept = await firstOf(log.readAll(newest));
    if (kept !== undefined && kept.revision >= revision) return;
    const found = `message ${sequence} of ${output} is of event ${revision} of ${stream}`;
    const text = `${found}, which the log does not hold: the log is older than the stream`;
    throw new TocsinError('refused', 'output_ahead', text, { hint: OLDER_LOG });
  }
  const id = headers.get('ce-id');
  if (Object.keys(RULES).some((rule) => messageId(event.id, rule) === id)) return;
  await assertNotHidden(log, stream);
  throw refusals.disagrees(output, sequence, `the log has another event at its place in ${stream}`);
}

/** All of them: a new rule has to be added here. */
const RULES: Readonly<Record<MessageRule, true>> = {
  'active_schedule.triggered': true,
  'trigger.raised': true,
  'notification.requested': true,
  'schedule.apply.succeeded': true,
  'schedule.apply.failed': true,
};
