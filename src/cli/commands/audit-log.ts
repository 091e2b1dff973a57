// What the audit commands share: the audit of the log, bounds on the command line, and progress.
import { temporaryReadModel } from '../../adapters/sqlite/read-model.ts';
import { parseInstant, type Instant } from '../../domain/core/instants.ts';
import { parsePosition, type Position } from '../../domain/core/positions.ts';
import { createAudit, type Audit, type AuditOptions } from '../../kernel/create-audit.ts';
import { projectionPrefixes } from '../../projections/dedupe/classify.ts';
import type { ReadableLog } from '../../projections/audit/reading/ports.ts';
import type { Bound } from '../../projections/audit/reading/reading.ts';
import type { Config } from '../config/config.ts';
import { usageError } from '../config/usage-error.ts';
import { rate } from '../terminal/terminal.ts';
import { archivesOf, type ArchiveOption } from './archive-option.ts';
import type { Context } from './command.ts';

/** The audit of an open log; `verify` and `explain` need the read model, `verify` and `rebuild` the messages. */
export function auditOf(
  { name, subjectRoot, source }: Config,
  log: ReadableLog,
  { archive, ...parts }: Pick<AuditOptions, 'state' | 'messages'> & ArchiveOption = {},
): Audit {
  const archives = archivesOf({ archive });
  return createAudit({
    log,
    archives,
    scratch: temporaryReadModel,
    name,
    subjectRoot,
    source,
    ...parts,
  });
}

/** A position (`commit/prepare`, or one number for both) or a time. */
export function boundOf(option: string, text: string | undefined): Bound | undefined {
  if (text === undefined) return undefined;
  const position = parsePosition(text);
  if (position !== undefined) return { position };
  const time = parseInstant(text);
  if (time.ok) return { time: time.value };
  const hint =
    'Use commit/prepare, such as 1234/1234, or a time such as 2026-04-30T10:17:42+08:00.';
  throw usageError('invalid_place', `${option} ${time.error}, and is not a position`, hint);
}

export function timeOf(option: string, text: string): Instant {
  const time = parseInstant(text);
  if (time.ok) return time.value;
  const hint = 'Use RFC 3339 with an offset, such as 2026-04-30T10:17:42+08:00.';
  throw usageError('invalid_time', `${option} ${time.error}`, hint);
}

/** Shows events read, rate and time left; gets the number of events read and the position of the last one. */
export async function logProgress(
  log: ReadableLog,
  { config, terminal, startedAt }: Context,
): Promise<(events: number, at?: Position) => void> {
  const prefixes = projectionPrefixes(config.name);
  const edge = async (direction: 'forwards' | 'backwards'): Promise<bigint> => {
    for await (const [event] of log.readAll({ direction, prefixes, maxCount: 1 })) {
      return event?.position.commit ?? 0n;
    }
    return 0n;
  };
  const first = await edge('forwards');
  const last = await edge('backwards');
  return (events, at) => {
    terminal.progress(() => {
      const done = at === undefined ? 0 : share(first, at.commit, last);
      const seconds = (performance.now() - startedAt) / 1000;
      const left = done <= 0 ? '' : `, ${timeLeft((seconds * (1 - done)) / done)} left`;
      return `${events.toLocaleString('en')} events, ${rate(events, startedAt)}${left}`;
    });
  };
}

/** Positions are not dense, but even enough to compute the time left. */
function share(first: bigint, at: bigint, last: bigint): number {
  if (last <= first) return 1;
  return Math.min(1, Number(at - first) / Number(last - first));
}

function timeLeft(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}
