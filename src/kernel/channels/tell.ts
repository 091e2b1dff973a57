// Commands to a channel's stream.
import { channelCodec, type ChannelEvent } from '../../domain/channel/events.ts';
import type {
  ChannelCommand,
  ChannelKey,
  ChannelRejection,
} from '../../domain/channel/commands.ts';
import { decideChannel } from '../../domain/channel/decide.ts';
import { evolveChannel, initialChannel, type ChannelState } from '../../domain/channel/state.ts';
import { channelStream } from '../../domain/channel/stream.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { err, ok, type Result } from '../../domain/core/result.ts';
import { execute, type Aggregate, type ExecuteContext } from '../decider/execute.ts';

export const channelAggregate: Aggregate<ChannelState, ChannelEvent> = {
  codec: channelCodec,
  initial: initialChannel,
  evolve: evolveChannel,
};

/** Who writes. */
export type ChannelContext = ExecuteContext & {
  /** The kernel's name. */
  readonly kernel: string;
  /** A random UUID per call. */
  readonly newId: () => string;
  readonly actor?: string | undefined;
};

/** What a command has changed. */
export type ToldChannel = {
  readonly changed: boolean;
  /** Configurations whose secrets nothing leads to any more. */
  readonly replaced: readonly { readonly ref: string }[];
};

/**
 * Executes one command on a channel.
 *
 * @throws TocsinError `unavailable` when the store gives no answer or refuses
 */
export async function tellChannel(
  context: ChannelContext,
  { userId, channel }: ChannelKey,
  command: ChannelCommand,
  actor: string | undefined = context.actor,
): Promise<Result<ToldChannel, ChannelRejection>> {
  const stream = channelStream(context.kernel, userId, channel);
  const commandId = context.newId();
  const ids = { commandId, correlationId: commandId, causationId: commandId };
  const result = await execute(context, {
    aggregate: channelAggregate,
    stream,
    metadata: { ...ids, actor },
    decide: (state, { recordedAt }) => {
      const decided = decideChannel(state, command, { recordedAt });
      if (!decided.ok) return decided;
      const replaced = command.kind === 'configure' && state.current ? [state.current] : [];
      const answer = { changed: decided.value.length > 0, replaced };
      return ok({ events: decided.value, answer });
    },
  });
  switch (result.kind) {
    case 'done':
      return ok(result.answer);
    case 'rejected':
      return err(result.rejection);
    default:
      throw new TocsinError('unavailable', 'channel_unwritable', `${stream}: ${result.kind}`, {
        hint: 'The event store gave no answer or refused; check it, look at the channel, try again.',
      });
  }
}
