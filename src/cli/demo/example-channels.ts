// Channels for the users of the examples, at a receiver on this machine that imitates Feishu.
import { untilAborted } from '../../domain/core/signals.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { channelsOn, openSender, openVault } from '../compose/channels.ts';
import type { Config } from '../config/config.ts';
import type { Narrator } from './narrator.ts';
import { serveStandIn } from './stand-in-receiver.ts';

/** Users whose delivery succeeds, fails once, or always fails. */
const EXAMPLES: readonly (readonly [userId: string, path: string])[] = [
  ['1001', '/flow/api/trigger-webhook/always-well'],
  ['ana', '/flow/api/trigger-webhook/always-well'],
  ['ben', '/flow/api/trigger-webhook/always-well'],
  ['1002', '/open-apis/bot/v2/hook/first-fails'],
  ['mia@example.org', '/open-apis/bot/v2/hook/bot-removed'],
];

type ExampleChannels = AsyncDisposable & {
  readonly url: string | undefined;
  /** The configuration with the receiver's address. */
  readonly config: Config;
};

/** No receiver: channels lead to their own addresses. */
export function noExamples(config: Config): ExampleChannels {
  return { url: undefined, config, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** Serves the receiver and configures the channels, unless a vault or a stand-in is configured. */
export async function exampleChannels(
  config: Config,
  store: EventStore,
  narrator: Narrator,
  signal: AbortSignal,
): Promise<ExampleChannels> {
  const isReal = config.vault.wasGiven || config.addresses.standIn !== undefined;
  if (isReal || config.delivery === 'off') return noExamples(config);
  await using opened = new AsyncDisposableStack();
  const receiver = opened.use(await serveStandIn(narrator.received));
  const addresses = { ...config.addresses, standIn: receiver.url };
  const own = { ...config, addresses };
  using vault = await openVault(own);
  const channels = await channelsOn(own, store, vault, await openSender(own), 'tocsin start');
  for (const [userId, path] of EXAMPLES) {
    const current = await untilAborted(channels.get({ userId, channel: 'feishu' }), signal);
    // Keep a channel that the user configured; a channel of an earlier start has another port.
    if (current.configured && !current.urlMask.startsWith('http://127.0.0.1:')) continue;
    const url = `${receiver.url}${path}`;
    await untilAborted(channels.put({ userId, channel: 'feishu', url }), signal);
  }
  const held = opened.move();
  return {
    url: receiver.url,
    config: own,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
