// A canary in every secret field of a channel, at receivers that repeat what they are sent: it is in no
// event, no message, no log line and no answer. Only the vault and the receivers have it.
import { expect, it } from 'vitest';
import { jsonLogger } from '../../src/adapters/logging/pino.ts';
import { channelSender } from '../../src/adapters/senders/sender.ts';
import type { ChannelInput } from '../../src/domain/channel/commands.ts';
import { receiver, type Receiver } from '../adapters/senders.support.ts';
import { memoryVault } from '../support/vault.ts';
import { eventsOf } from '../support/world.ts';
import { deliveryWorld } from './world.support.ts';

const CANARY = 'canary0123456789';
const SECRET = `whsec_${Buffer.from(`${CANARY}-${CANARY}-`).toString('base64')}`;

/** Repeats headers and address in its message, with a code that nobody knows. */
const repeating = (status: number) =>
  receiver((response, request) => {
    const msg = `${request.url ?? ''} ${JSON.stringify(request.headers)}`;
    response.writeHead(status, { location: request.url ?? '' });
    response.end(JSON.stringify({ code: 19002, msg }));
  });

function channelsAt({ origin }: Receiver): readonly Omit<ChannelInput, 'userId'>[] {
  const flow = `${origin}/flow/api/trigger-webhook/${CANARY}`;
  const bot = `${origin}/open-apis/bot/v2/hook/${CANARY}`;
  const base = `${origin}/base/automation/webhook/event/${CANARY}`;
  return [
    { channel: 'feishu', url: flow, bearerToken: `${CANARY}-token` },
    { channel: 'feishu', url: bot, secret: `${CANARY}-secret` },
    { channel: 'feishu', url: base, bearerToken: `${CANARY}-token` },
    { channel: 'webhook', url: `${origin}/${CANARY}?key=${CANARY}`, secret: SECRET },
  ];
}

it('W19: no secret of a channel leaves the vault but to its receiver', async () => {
  const vault = memoryVault();
  const lines: string[] = [];
  const logger = jsonLogger({ level: 'debug', destination: { write: (line) => lines.push(line) } });
  await using server = await repeating(200);
  await using failing = await repeating(500);
  const said: unknown[] = [];
  for (const at of [server, failing]) {
    const addresses = { ports: [], privateTargets: true, standIn: at.origin };
    const send = channelSender({ addresses, logger });
    await using world = await deliveryWorld({
      store: 'embedded',
      kernel: { vault, send, addresses },
    });
    const { channels } = world.kernel;
    const { lookup, report } = channels;
    await world.worker({ lookup, send, report, logger });
    for (const [index, input] of channelsAt(at).entries()) {
      const userId = String(index + 1);
      const key = { userId, channel: input.channel };
      const { generatedSecret: _once, ...put } = {
        generatedSecret: undefined,
        ...(await channels.put({ userId, ...input })),
      };
      said.push(put, await channels.test(key), await channels.get(key));
      if (input.channel === 'webhook') continue;
      const notice = await world.notify({ userId });
      await world.when(notice, 'it was tried', ({ attempts, open }) => attempts > 0 && !open);
      said.push(await world.delivery(notice));
    }
    said.push(await channels.put({ userId: '9', channel: 'feishu', url: `http://x/${CANARY}` }));
    said.push(await eventsOf(world.store), world.output.messages);
  }
  expect([...vault.secrets.values()].join()).toContain(CANARY);
  expect(server.received.length + failing.received.length).toBeGreaterThan(10);
  const text = JSON.stringify([said, lines], (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  expect(text).toContain('feishu_19002');
  for (const secret of [CANARY, SECRET, Buffer.from(CANARY).toString('base64').slice(0, 16)]) {
    expect(text).not.toContain(secret);
  }
});
