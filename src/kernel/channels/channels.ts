// The channels of users: configure, show, enable, disable, remove, test.
import { maskAddress, STRICT_RULES, type AddressRules } from '../../domain/channel/address.ts';
import {
  parseChannel,
  parseChannelKey,
  type ChannelCommand,
  type ChannelInput,
  type ChannelKey,
  type ChannelSettings,
} from '../../domain/channel/commands.ts';
import { channelStream } from '../../domain/channel/stream.ts';
import type { UserId } from '../../domain/core/identity.ts';
import type { SecretVault } from '../../domain/ports/secret-vault.ts';
import type { ChannelLookup, ChannelReport, Sender } from '../../domain/ports/sender.ts';
import { ADDRESS_CHANNELS, isAddressChannel } from '../../domain/channel/address.ts';
import type { Texts } from '../../domain/notification/texts.ts';
import type { Call } from '../decider/decider.ts';
import {
  channelView,
  type ChannelRejected,
  type ChannelResult,
  type ChannelView,
  type PutChannelResult,
  type TestChannelResult,
} from './view.ts';
import { lookupOf, secretsOf, type ChannelSecrets } from './secrets.ts';
import { sendTest } from './send-test.ts';
import { changeChannel, channelDecider, type ChannelContext } from './channel-decider.ts';

/** Who calls, for the record. */
export type ChannelCall = Pick<Call, 'actor'>;

export interface Channels {
  /** Configures a channel; absent fields are unset, former secrets shredded. @throws TocsinError `unavailable` */
  put(input: ChannelInput, call?: ChannelCall): Promise<PutChannelResult>;
  /** A channel without its secrets; `configured: false` for an unknown or unconfigured channel. */
  get(key: ChannelKey): Promise<ChannelView>;
  /** All configured channels of a user. */
  list(userId: string): Promise<readonly ChannelView[]>;
  enable(key: ChannelKey, call?: ChannelCall): Promise<ChannelResult>;
  disable(key: ChannelKey, call?: ChannelCall): Promise<ChannelResult>;
  /** Removes the channel and shreds its secrets; `unchanged` for a channel that is not configured. */
  remove(key: ChannelKey, call?: ChannelCall): Promise<ChannelResult>;
  /** Sends a real test message, at most 5 times an hour, and records its result. */
  test(
    key: ChannelKey,
    call?: ChannelCall & { readonly signal?: AbortSignal },
  ): Promise<TestChannelResult>;
  /** For delivery: a channel with its secrets. */
  readonly lookup: ChannelLookup;
  /** For delivery: records a provider's answer about a channel. */
  readonly report: ChannelReport;
}

export type ChannelsOptions = ChannelContext & {
  readonly vault: SecretVault;
  readonly send?: Sender | undefined;
  /** The allowed addresses. Default: public addresses on port 443. */
  readonly addresses?: AddressRules | undefined;
  readonly texts: Texts;
  /** Makes the signing secret of a generic webhook that is configured without a secret. */
  readonly newSecret: () => string;
};

export function createChannels(options: ChannelsOptions): Channels {
  const { vault } = options;
  const stateOf = (key: ChannelKey) => loadChannel(options, key);
  const view = async (key: ChannelKey) => channelView(key, await stateOf(key));
  const change = async (
    key: ChannelKey,
    command: ChannelCommand,
    call: ChannelCall = {},
  ): Promise<ChannelResult> => {
    const parsed = parseChannelKey(key);
    if (!parsed.ok) return { outcome: 'rejected', ...parsed.error };
    const result = await changeChannel(options, parsed.value, command, call.actor);
    if (!result.ok) return { outcome: 'rejected', ...result.error };
    const outcome = result.value.changed ? 'changed' : 'unchanged';
    return { outcome, channel: await view(parsed.value) };
  };

  return {
    put: (input, call) => put(options, input, call),
    get: async (key) => {
      const parsed = parseChannelKey(key);
      return parsed.ok ? view(parsed.value) : { ...key, configured: false };
    },
    async list(userId) {
      const views = await Promise.all(
        ADDRESS_CHANNELS.map((channel) => parseChannelKey({ userId, channel }))
          .flatMap((parsed) => (parsed.ok ? [parsed.value] : []))
          .map(view),
      );
      return views.filter(({ configured }) => configured);
    },
    enable: (key, call) => change(key, { kind: 'enable' }, call),
    disable: (key, call) => change(key, { kind: 'disable' }, call),
    async remove(key, call) {
      const parsed = parseChannelKey(key);
      if (!parsed.ok) return { outcome: 'rejected', ...parsed.error };
      const { current } = await stateOf(parsed.value);
      const result = await change(parsed.value, { kind: 'remove' }, call);
      const { userId } = parsed.value;
      // The event first: after a crash in between, the secrets are orphans, which are removed later.
      const secrets = secretsOf(vault, userId);
      await (current === undefined ? secrets.finish() : secrets.shred(current.ref));
      await removeOrphans(options, userId);
      return result;
    },
    async test(key, { actor, signal = new AbortController().signal } = {}) {
      const parsed = parseChannelKey(key);
      if (!parsed.ok) return { outcome: 'rejected', ...parsed.error };
      // The append reserves the test, so that calls at once and a put in between do not pass the limit.
      const started = await changeChannel(options, parsed.value, { kind: 'start_test' }, actor);
      if (!started.ok) return { outcome: 'rejected', ...started.error };
      const channel = started.value.before;
      if (channel === undefined)
        throw new Error('a test of a channel that is not configured started');
      const secrets = await secretsOf(vault, channel.userId).get(channel.ref);
      const tested = await sendTest(options, channel, secrets, signal);
      const { version } = channel;
      const command = { kind: 'record_test', version, ...tested } as const;
      await changeChannel(options, parsed.value, command, actor);
      const { succeeded, answer, code, detail } = tested;
      const status = succeeded ? 'success' : 'failed';
      return { outcome: 'tested', status, answer, code, detail, channel: await view(parsed.value) };
    },
    lookup: lookupOf(options),
    report: async ({ userId, channel, version, advice, code }) => {
      const command = { kind: 'report', version, advice, code } as const;
      if (isAddressChannel(channel)) await changeChannel(options, { userId, channel }, command);
    },
  };
}

async function put(
  options: ChannelsOptions,
  input: ChannelInput,
  call: ChannelCall = {},
): Promise<PutChannelResult> {
  const { runtime, vault, addresses = STRICT_RULES } = options;
  const parsed = parseChannel(input, addresses);
  if (!parsed.ok) return rejected(parsed.error);
  const settings = parsed.value;
  const { userId, channel, enabled, address } = settings;
  const state = await loadChannel(options, { userId, channel });
  const before = state.current;
  const stored = secretsOf(vault, userId);
  const known = before && (await stored.get(before.ref));
  const secrets = wantedSecrets(settings, known, options.newSecret);
  if (before?.enabled === enabled && isSame(known, secrets)) {
    await stored.finish();
    return { outcome: 'unchanged', channel: channelView(settings, state) };
  }
  const ref = runtime.newId();
  const { url, bearerToken, secret } = secrets;
  // The vault first: an event must never name secrets that the vault does not have.
  await stored.put(ref, secrets, runtime.now());
  const facts = {
    kind: address.kind,
    mask: maskAddress(address),
    fingerprint: (await vault.fingerprint(url)).slice(0, 12),
    hasBearerToken: bearerToken !== undefined,
    hasSecret: secret !== undefined,
    ref,
  };
  const command = { kind: 'configure', settings: { userId, channel, enabled }, facts } as const;
  const configured = await changeChannel(options, settings, command, call.actor);
  if (!configured.ok) {
    await stored.shred(ref);
    return rejected(configured.error);
  }
  // The configuration before this event, not before this call: another call may have come between.
  for (const { ref: old } of configured.value.replaced) await stored.shred(old);
  await removeOrphans(options, userId);
  const isGenerated =
    secret !== undefined && secret !== settings.secret && secret !== known?.secret;
  return {
    outcome: 'changed',
    channel: channelView(settings, await loadChannel(options, settings)),
    generatedSecret: isGenerated ? secret : undefined,
  };
}

/** Shreds secrets of an earlier call that crashed between vault and log. */
async function removeOrphans(options: ChannelsOptions, userId: UserId): Promise<void> {
  await secretsOf(options.vault, userId).shredOrphans(options.runtime.now(), async () => {
    const states = await Promise.all(
      ADDRESS_CHANNELS.map((channel) => loadChannel(options, { userId, channel })),
    );
    return new Set(states.flatMap(({ current }) => (current === undefined ? [] : [current.ref])));
  });
}

async function loadChannel({ store, kernel }: ChannelsOptions, { userId, channel }: ChannelKey) {
  return (await channelDecider.load(store, channelStream(kernel, userId, channel))).state;
}

/** A generic webhook is always signed: with the given secret, else its present secret, else a new secret. */
function wantedSecrets(
  { address, bearerToken, secret }: ChannelSettings,
  known: ChannelSecrets | undefined,
  newSecret: () => string,
): ChannelSecrets {
  const { url, kind } = address;
  if (kind !== 'webhook' || secret !== undefined) return { url, bearerToken, secret };
  return { url, bearerToken, secret: known?.secret ?? newSecret() };
}

function isSame(known: ChannelSecrets | undefined, wanted: ChannelSecrets): boolean {
  return (
    known?.url === wanted.url &&
    known.bearerToken === wanted.bearerToken &&
    known.secret === wanted.secret
  );
}

function rejected(error: Omit<ChannelRejected, 'outcome'>): ChannelRejected {
  return { outcome: 'rejected', ...error };
}
