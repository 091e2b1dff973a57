// Executes commands on the stream of a channel.
import { channelCodec, type ChannelEvent } from '../../domain/channel/events.ts';
import type {
  ChannelCommand,
  ChannelKey,
  ChannelRejection,
} from '../../domain/channel/commands.ts';
import { decideChannel } from '../../domain/channel/decide.ts';
import {
  evolveChannel,
  initialChannel,
  type ChannelState,
  type ConfiguredChannel,
} from '../../domain/channel/state.ts';
import { channelStream } from '../../domain/channel/stream.ts';
import { ok, type Result } from '../../domain/core/result.ts';
import { decider, type Decide, type KernelContext } from '../decider/decider.ts';

export const channelDecider = decider<ChannelState, ChannelEvent>({
  codec: channelCodec,
  initial: initialChannel,
  evolve: evolveChannel,
  unwritable: {
    code: 'channel_unwritable',
    hint: 'Check the event store and the channel, then try again.',
  },
});

export type ChannelContext = KernelContext & {
  /** The actor of calls without one, for the metadata of events. */
  readonly actor?: string | undefined;
};

/** Below the deadline of an API request, so that its caller is told what happened. */
const CHANGE_MS = 5_000;

export type ChangedChannel = {
  readonly changed: boolean;
  /** Replaced configurations, whose secrets are to be shredded. */
  readonly replaced: readonly { readonly ref: string }[];
  /** The configuration before the command, at the revision of its events. */
  readonly before: ConfiguredChannel | undefined;
};

/** Executes one command on a channel; throws `unavailable` when the store gives no answer or refuses. */
export async function changeChannel(
  context: ChannelContext,
  { userId, channel }: ChannelKey,
  command: ChannelCommand,
  actor: string | undefined = context.actor,
): Promise<Result<ChangedChannel, ChannelRejection>> {
  const stream = channelStream(context.kernel, userId, channel);
  const decide: Decide<ChannelState, ChannelEvent, ChangedChannel, ChannelRejection> = (
    state,
    at,
  ) => {
    const decided = decideChannel(state, command, at);
    if (!decided.ok) return decided;
    const replaced = command.kind === 'configure' && state.current ? [state.current] : [];
    return ok({
      events: decided.value,
      answer: { changed: decided.value.length > 0, replaced, before: state.current },
    });
  };
  const call = { actor, deadlineMs: CHANGE_MS };
  const result = await channelDecider.transactOrThrow(context, stream, decide, call);
  return result.ok ? ok(result.value.answer) : result;
}
