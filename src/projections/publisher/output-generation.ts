// Which generation of messages is in force, and how a new one begins. A generation begins with an
// `OutputOpened` in the control stream. That output record says which stream this log has written, so a
// lost or replaced stream is noticed even when the read model is lost as well.
import type { ControlEventData } from '../../domain/control/events.ts';
import type { OutputGeneration } from '../../domain/control/state.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { categoryPrefix } from '../../domain/core/ids.ts';
import { formatInstant } from '../../domain/core/instants.ts';
import { parsePosition } from '../../domain/core/positions.ts';
import { untilAborted } from '../../domain/core/signals.ts';
import { triggerCodec } from '../../domain/trigger/events.ts';
import type { OutputInfo, OutputSession } from '../output.ts';
import type { ProjectorContext, RecoveryMode } from './context.ts';
import { identityOf } from './sequence-map.ts';
import { RESOLVABLE, refusals } from './refusals.ts';

/** A first start sends messages of events older than this only when an operator says so. */
const OLD_HISTORY_MS = 24 * 60 * 60 * 1000;

/** The generation in force and its stream. */
export type OpenOutput = { readonly generation: OutputGeneration; readonly info: OutputInfo };

/**
 * The generation in force; a first start opens one.
 * @throws TocsinError `refused` when the output record and the stream disagree
 */
export async function currentGeneration(
  context: ProjectorContext,
  session: OutputSession,
  signal: AbortSignal,
): Promise<OpenOutput> {
  const { output: generation } = await context.control.read();
  const info = await session.info();
  if (generation === undefined) {
    const refusal = await untilAborted(firstStartRefusal(context, session, info), signal);
    if (refusal === undefined) {
      return openGeneration(context, session, { kind: 'from_start' }, signal, 'first');
    }
    // Another projector may have opened a generation meanwhile: then the stream holds its messages.
    if ((await context.control.read()).output !== undefined) {
      return currentGeneration(context, session, signal);
    }
    throw refusal;
  }
  if (info === undefined) throw refusals.missing(generation.stream);
  if (info.stream !== generation.stream || info.created !== generation.created) {
    throw refusals.replaced(info.stream, generation.created, info.created);
  }
  return { generation, info: checked(context, info) };
}

/** Begins a generation the way that an operator chose, and records it in the log. */
export async function openGeneration(
  context: ProjectorContext,
  session: OutputSession,
  recovery: RecoveryMode,
  signal: AbortSignal,
  mode: ControlEventData<'OutputOpened'>['mode'] = recovery.kind,
): Promise<OpenOutput> {
  const { storeId, output: previous } = await context.control.read();
  if (recovery.kind === 'from_start' && previous !== undefined) {
    // Two projectors that start at once: the other one was first and has opened the generation.
    if (mode === 'first') return currentGeneration(context, session, signal);
    throw refusals.onlyFirst('--from-start');
  }
  const found = await session.info();
  if (found === undefined && recovery.kind === 'adopt_tail') {
    throw refusals.nothingToAdopt(context.output.stream);
  }
  const description = `Tocsin output of log ${storeId ?? 'unknown'}; written by its projector only`;
  const info = checked(context, found ?? (await session.create(description)));
  const { stream, created } = info;
  const start = await startOf(session, recovery, previous, info);
  const data = { stream, created, ...start, mode, reason: recovery.reason };
  await context.control.append((state) =>
    // Two projectors that start at once agree on the first one's generation.
    state.output?.id === previous?.id ? [{ type: 'OutputOpened', data }] : [],
  );
  const { output: generation } = await context.control.read();
  if (generation === undefined) throw new TypeError('the control stream holds no OutputOpened');
  const { id: opened, mode: as, base } = generation;
  context.logger.info({ stream, mode: as, base: String(base), opened }, 'output opened');
  return { generation, info };
}

/** True for a refusal that a recovery mode resolves. */
export function isResolvable(error: unknown): error is TocsinError {
  return error instanceof TocsinError && RESOLVABLE.has(error.code);
}

async function startOf(
  session: OutputSession,
  recovery: RecoveryMode,
  previous: OutputGeneration | undefined,
  info: OutputInfo,
): Promise<Pick<ControlEventData<'OutputOpened'>, 'publishFrom' | 'base'>> {
  switch (recovery.kind) {
    case 'from_start':
      return { publishFrom: 'start', base: info.lastSequence };
    case 'from_now':
      return { publishFrom: 'here', base: info.lastSequence };
    case 'resend_from': {
      const publishFrom = parsePosition(recovery.position);
      if (publishFrom !== undefined) return { publishFrom, base: info.lastSequence };
      const message = `${JSON.stringify(recovery.position)} is not a position to resend from`;
      throw new TocsinError('usage', 'invalid_position', message, {
        hint: 'A position is commit/prepare in decimal, as `tocsin project` prints it.',
      });
    }
    case 'adopt_tail': {
      const last = await session.read(info.lastSequence);
      const identity = last && identityOf(last);
      if (identity === undefined || previous === undefined) {
        throw refusals.nothingToAdopt(info.stream);
      }
      return { publishFrom: previous.after, base: info.lastSequence - identity.ordinal };
    }
  }
}

/** Why a log without an output record must not start to send by itself; `undefined` when it may. */
async function firstStartRefusal(
  context: ProjectorContext,
  session: OutputSession,
  info: OutputInfo | undefined,
): Promise<TocsinError | undefined> {
  if (info !== undefined && info.lastSequence > 0n) {
    const last = await session.read(info.lastSequence);
    // A projector of another log wrote this message, or may have written it.
    if (last === undefined || identityOf(last) !== undefined) {
      return refusals.notOurs(info.stream, info.lastSequence);
    }
  }
  const prefixes = [categoryPrefix(context.kernel, 'trigger')];
  for await (const page of context.store.readAll({ direction: 'forwards', prefixes })) {
    for (const event of page) {
      const first = triggerCodec.decode(event);
      // An unreadable event sends nothing, and its age is unknown: the next event decides.
      if (first.kind !== 'event') continue;
      const { recordedAt } = first.metadata;
      if (recordedAt >= context.now() - OLD_HISTORY_MS) return undefined;
      return refusals.oldHistory(formatInstant(recordedAt));
    }
  }
  return undefined;
}

function checked(context: ProjectorContext, info: OutputInfo): OutputInfo {
  if (info.faults.length > 0) throw refusals.settings(info.stream, info.faults);
  for (const warning of info.warnings) {
    context.logger.warn({ stream: info.stream, warning }, 'output stream setting');
  }
  return info;
}
