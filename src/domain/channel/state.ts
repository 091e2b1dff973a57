// The state of a channel, folded from its events.
import { match } from 'ts-pattern';
import type { Instant } from '../core/instants.ts';
import type { ChannelEvent, ChannelEventData } from './events.ts';

export type ConfiguredChannel = Omit<ChannelEventData<'ChannelConfigured'>, 'enabled'> & {
  readonly enabled: boolean;
  /** Why the channel is disabled: `by_owner`, or the code of the provider. */
  readonly disabledBy: string | undefined;
  /** The provider's code of a problem that the owner has to solve. */
  readonly attention: string | undefined;
  readonly lastTest: Omit<ChannelEventData<'ChannelTested'>, keyof About> | undefined;
};

type About = Pick<ChannelEventData<'ChannelRemoved'>, 'userId' | 'channel' | 'version'>;

export type ChannelState = {
  /** The version of the last configuration; 0 before the first. */
  readonly version: number;
  readonly current: ConfiguredChannel | undefined;
  /** When recent tests of all versions started, the newest last, for the limit on tests. */
  readonly testsStartedAt: readonly Instant[];
};

export const initialChannel: ChannelState = { version: 0, current: undefined, testsStartedAt: [] };

export const MAX_TESTS_PER_HOUR = 5;

/** Total: an event of an older version changes only the test times. */
export function evolveChannel(state: ChannelState, event: ChannelEvent): ChannelState {
  const update = (
    change: (channel: ConfiguredChannel) => Partial<ConfiguredChannel>,
  ): ChannelState => {
    const { current } = state;
    if (current?.version !== event.data.version) return state;
    return { ...state, current: { ...current, ...change(current) } };
  };
  return match(event)
    .with({ type: 'ChannelConfigured' }, ({ data }) => {
      const disabledBy = data.enabled ? undefined : 'by_owner';
      const current = { ...data, disabledBy, attention: undefined, lastTest: undefined };
      return { ...state, version: data.version, current };
    })
    .with({ type: 'ChannelEnabled' }, () =>
      update(() => ({ enabled: true, disabledBy: undefined, attention: undefined })),
    )
    .with({ type: 'ChannelDisabled' }, ({ data: { code } }) =>
      update(() => ({ enabled: false, disabledBy: code })),
    )
    .with({ type: 'ChannelNeedsAttention' }, ({ data: { code } }) =>
      update(() => ({ attention: code })),
    )
    .with({ type: 'ChannelTestStarted' }, ({ data: { startedAt } }) => ({
      ...state,
      testsStartedAt: [...state.testsStartedAt, startedAt].slice(-MAX_TESTS_PER_HOUR),
    }))
    .with({ type: 'ChannelTested' }, ({ data }) => {
      const { testedAt, succeeded, code, detail } = data;
      const lastTest = { testedAt, succeeded, code, detail };
      const attention = (channel: ConfiguredChannel) => (succeeded ? undefined : channel.attention);
      return update((channel) => ({ lastTest, attention: attention(channel) }));
    })
    .with({ type: 'ChannelRemoved' }, () => ({ ...state, current: undefined }))
    .exhaustive();
}
