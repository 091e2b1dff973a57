// The third witness: which list of messages is in force, and how a new one begins (design section 5.5).
import type { OutputGeneration } from '../../domain/control/state.ts';
import { formatInstant } from '../../domain/core/instants.ts';
import { parsePosition } from '../../domain/core/positions.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { categoryPrefix } from '../../domain/core/ids.ts';
import { triggerCodec } from '../../domain/trigger/events.ts';
import type { ControlEventData } from '../../domain/control/events.ts';
import type { OutputInfo, OutputSession } from '../output.ts';
import type { ProjectorContext, RecoveryMode } from './context.ts';
import { identityOf } from './message-identity.ts';
import { RESOLVABLE, refusals } from './refusals.ts';

/** Messages older than this never go out at a first start unless somebody says so. */
const OLD_HISTORY_MS = 24 * 60 * 60 * 1000;

/** The list in force and the stream that it is in. */
export type OpenOutput = { readonly generation: OutputGeneration; readonly info: OutputInfo };

/**
 * The list to go on with; a first start opens it.
 * @throws TocsinError `refused` when the log and the stream do not fit together
 */
export async function currentGeneration(
  context: ProjectorContext,
  session: OutputSession,
): Promise<OpenOutput> {
  const { output: generation } = await context.control.read();
  const info = await session.info();
  if (generation === undefined) {
    const refusal = await firstStartRefusal(context, session, info);
    if (refusal === undefined) {
      return openGeneration(context, session, { kind: 'from_start' }, 'first');
    }
    // Of two that start at once the other may have been first: then these are its messages.
    if ((await context.control.read()).output !== undefined)
      return currentGeneration(context, session);
    throw refusal;
  }
  if (info === undefined) throw refusals.missing(generation.stream);
  if (info.stream !== generation.stream || info.created !== generation.created) {
    throw refusals.replaced(info.stream, generation.created, info.created);
  }
  return { generation, info: checked(context, info) };
}

/** Begins a new list the way that an operator chose, and records it in the log. */
export async function openGeneration(
  context: ProjectorContext,
  session: OutputSession,
  recovery: RecoveryMode,
  name: ControlEventData<'OutputOpened'>['mode'] = recovery.kind,
): Promise<OpenOutput> {
  const { storeId, output: previous } = await context.control.read();
  if (recovery.kind === 'from_start' && previous !== undefined) {
    // Two that start at once: the other was first, and this one has nothing to open any more.
    if (name === 'first') return currentGeneration(context, session);
    throw refusals.wayNotOpen('--from-start');
  }
  const found = await session.info();
  if (found === undefined && recovery.kind === 'adopt_tail') {
    throw refusals.nothingToAdopt(context.output.stream);
  }
  const description = `Tocsin output of log ${storeId ?? 'unknown'}; written by its projector only`;
  const info = checked(context, found ?? (await session.create(description)));
  const start = await startOf(session, recovery, previous, info);
  await context.control.append((state) =>
    // Two projectors that start at once agree on the list of whoever came first.
    state.output?.id === previous?.id
      ? [
          {
            type: 'OutputOpened',
            data: {
              stream: info.stream,
              created: info.created,
              ...start,
              mode: name,
              reason: recovery.reason,
            },
          },
        ]
      : [],
  );
  const { output: generation } = await context.control.read();
  if (generation === undefined) throw new TypeError('a generation was opened');
  context.logger.info(
    {
      stream: generation.stream,
      mode: generation.mode,
      base: String(generation.base),
      opened: generation.id,
    },
    'output opened',
  );
  return { generation, info };
}

/** True for a refusal that an operator's way resolves. */
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
      throw new TocsinError('usage', 'invalid_position', 'the position to resend from is not one', {
        hint: 'A position is commit/prepare in decimal, as `tocsin project` prints it.',
      });
    }
    case 'adopt_tail': {
      const last = await session.read(info.lastSequence);
      const stamp = last && identityOf(last);
      if (stamp === undefined || previous === undefined) throw refusals.nothingToAdopt(info.stream);
      return { publishFrom: previous.after, base: info.lastSequence - stamp.ordinal };
    }
  }
}

/** Why a log that has sent nothing must not begin by itself, if it must not. */
async function firstStartRefusal(
  context: ProjectorContext,
  session: OutputSession,
  info: OutputInfo | undefined,
): Promise<TocsinError | undefined> {
  if (info !== undefined && info.lastSequence > 0n) {
    const last = await session.read(info.lastSequence);
    // Messages that are gone, or have our headers, were sent by some projector; nobody knows for whom.
    if (last === undefined || identityOf(last) !== undefined) {
      return refusals.notOurs(info.stream, info.lastSequence);
    }
  }
  const prefixes = [categoryPrefix(context.kernel, 'trigger')];
  for await (const page of context.store.readAll({ direction: 'forwards', prefixes })) {
    for (const event of page) {
      const first = triggerCodec.decode(event);
      // One that cannot be read sends nothing, and says nothing about what comes after it.
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
