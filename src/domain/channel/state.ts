// What a channel's events amount to.
import { match } from 'ts-pattern';
import type { Instant } from '../core/instants.ts';
import type { ChannelEvent, ChannelEventData } from './events.ts';

/** A channel that is there. */
export type ConfiguredChannel = Omit<ChannelEventData<'ChannelConfigured'>, 'enabled'> & {
  readonly enabled: boolean;
  /** Why it is switched off: `by_owner`, or what the provider answered. */
  readonly disabledBy: string | undefined;
  /** What the provider wants its owner to look at. */
  readonly attention: string | undefined;
  /** The last test of this version. */
  readonly lastTest: Omit<ChannelEventData<'ChannelTested'>, keyof About> | undefined;
};

type About = Pick<ChannelEventData<'ChannelRemoved'>, 'userId' | 'channel' | 'version'>;

export type ChannelState = {
  /** The last version that there was; 0 before the first. */
  readonly version: number;
  readonly current: ConfiguredChannel | undefined;
  /** When it was last tested, the newest last; of all versions, for the limit on tests. */
  readonly testedAt: readonly Instant[];
};

export const initialChannel: ChannelState = { version: 0, current: undefined, testedAt: [] };

/** Tests that are remembered: as many as are allowed in an hour. */
export const MAX_TESTS_PER_HOUR = 5;

/** Total: an event of another version than the current one changes nothing but the count of tests. */
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
    .with({ type: 'ChannelTested' }, ({ data }) => {
      const { testedAt, succeeded, code, detail } = data;
      const lastTest = { testedAt, succeeded, code, detail };
      const attention = (channel: ConfiguredChannel) => (succeeded ? undefined : channel.attention);
      const updated = update((channel) => ({ lastTest, attention: attention(channel) }));
      return { ...updated, testedAt: [...state.testedAt, testedAt].slice(-MAX_TESTS_PER_HOUR) };
    })
    .with({ type: 'ChannelRemoved' }, () => ({ ...state, current: undefined }))
    .exhaustive();
}
