// Decides commands on a channel. Pure: time is an argument. An empty list of events means that the channel is
// already in the wanted state.
import { match } from 'ts-pattern';
import type { Instant } from '../core/instants.ts';
import { err, ok, type Result } from '../core/result.ts';
import { rejection } from '../core/input.ts';
import type { ChannelCommand, ChannelKey, ChannelRejection } from './commands.ts';
import type { ChannelEvent } from './events.ts';
import { MAX_TESTS_PER_HOUR, type ChannelState, type ConfiguredChannel } from './state.ts';

const HOUR_MS = 60 * 60_000;

type Decision = Result<readonly ChannelEvent[], ChannelRejection>;

export function decideChannel(
  state: ChannelState,
  command: ChannelCommand,
  context: { readonly recordedAt: Instant },
): Decision {
  const { current } = state;
  return match(command)
    .returnType<Decision>()
    .with({ kind: 'configure' }, ({ settings, facts }) =>
      ok([
        {
          type: 'ChannelConfigured',
          data: { ...settings, ...facts, version: state.version + 1 },
        },
      ]),
    )
    .with({ kind: 'enable' }, () => {
      if (current === undefined) return notConfigured();
      const isUnchanged = current.enabled && current.attention === undefined;
      return ok(isUnchanged ? [] : [{ type: 'ChannelEnabled', data: aboutOf(current) }]);
    })
    .with({ kind: 'disable' }, () => {
      if (current === undefined) return notConfigured();
      const data = { ...aboutOf(current), code: 'by_owner' };
      return ok(current.enabled ? [{ type: 'ChannelDisabled', data }] : []);
    })
    .with({ kind: 'remove' }, () =>
      ok(current === undefined ? [] : [{ type: 'ChannelRemoved', data: aboutOf(current) }]),
    )
    .with({ kind: 'report' }, ({ version, advice, code }) => {
      // The answer is about an earlier configuration.
      if (current?.version !== version || !current.enabled) return ok([]);
      const data = { ...aboutOf(current), code };
      if (advice === 'disable') return ok([{ type: 'ChannelDisabled', data }]);
      return ok(current.attention === code ? [] : [{ type: 'ChannelNeedsAttention', data }]);
    })
    .with({ kind: 'start_test' }, () => {
      const { recordedAt: startedAt } = context;
      const allowed = mayTest(state, startedAt);
      if (!allowed.ok) return allowed;
      return ok([{ type: 'ChannelTestStarted', data: { ...aboutOf(allowed.value), startedAt } }]);
    })
    .with({ kind: 'record_test' }, ({ version, succeeded, code, detail }) => {
      if (current?.version !== version) return ok([]);
      const { recordedAt: testedAt } = context;
      const data = { ...aboutOf(current), testedAt, succeeded, code, detail };
      return ok([{ type: 'ChannelTested', data }]);
    })
    .exhaustive();
}

function mayTest(state: ChannelState, now: Instant): Result<ConfiguredChannel, ChannelRejection> {
  const { current } = state;
  if (current === undefined) return notConfigured();
  if (!current.enabled) {
    return err(rejection('channel_disabled', 'channel', 'is disabled'));
  }
  const recent = state.testsStartedAt.filter((at) => now - at < HOUR_MS);
  if (recent.length < MAX_TESTS_PER_HOUR) return ok(current);
  const message = `was tested ${MAX_TESTS_PER_HOUR} times within an hour; try again later`;
  return err(rejection('too_many_tests', 'channel', message));
}

const notConfigured = () => err(rejection('not_configured', 'channel', 'is not configured'));

function aboutOf({ userId, channel, version }: ConfiguredChannel): ChannelKey & {
  readonly version: number;
} {
  return { userId, channel, version };
}
