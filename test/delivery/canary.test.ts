// A canary in every secret field of a channel, with receivers that echo their request: no event, message, log line
// or answer contains it, only the vault and the receivers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createHttpApp } from '../../src/adapters/http/app.ts';
import { bearerTokens } from '../../src/adapters/http/endpoint/caller.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { createHealthApp } from '../../src/adapters/http/server/health.ts';
import { projectorReadiness } from '../../src/adapters/http/server/readiness.ts';
import { jsonLogger } from '../../src/adapters/logging/pino.ts';
import { memoryReadModelStore } from '../../src/adapters/memory/read-model.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { channelSender } from '../../src/adapters/senders/sender.ts';
import { daemonTelemetry } from '../../src/adapters/telemetry/daemon-telemetry.ts';
import { parseVaultKeys } from '../../src/adapters/sqlite/vault/keys.ts';
import { sqliteVault } from '../../src/adapters/sqlite/vault/sqlite-vault.ts';
import { USER_SCOPES } from '../../src/domain/access/scopes.ts';
import type { ChannelInput } from '../../src/domain/channel/commands.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { createTokens } from '../../src/kernel/access/tokens.ts';
import { sealedStore } from '../../src/kernel/sealing/sealed-store.ts';
import { receiver, type Receiver } from '../adapters/senders.support.ts';
import { memoryVault } from '../support/vault.ts';
import { until } from '../support/until.ts';
import { eventsOf, QUICK } from '../support/world.ts';
import { deliveryWorld } from './world.support.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

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

it('W19: the secrets of a channel go only to its receiver', async () => {
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
    const store = sealedStore(world.store, vault);
    await world.worker({ store, lookup, send, report, logger });
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

it('W19: no answer, problem or metric of the API contains a secret', async () => {
  await using closing = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-canary-'));
  closing.defer(() => {
    rmSync(folder, { recursive: true });
  });
  const key = Buffer.from(`${CANARY}${CANARY}`).toString('base64');
  const file = join(folder, 'vault.db');
  const vault = closing.use(sqliteVault({ file, keys: parseVaultKeys(key) }));
  const lines: string[] = [];
  const logger = jsonLogger({ level: 'debug', destination: { write: (line) => lines.push(line) } });
  await using server = await repeating(200);
  const addresses = { ports: [], privateTargets: true, standIn: server.origin };
  const store = closing.use(memoryStore());
  const send = channelSender({ addresses, logger });
  const kernel = await openKernel({ ...scheduleProduct, store, vault, send, addresses });
  const tokens = createTokens({ store });
  const made = await tokens.create({ name: 'a test', scopes: [...USER_SCOPES], userId: 1 });
  const token = made.outcome === 'created' ? made.token : '';
  const authenticate = bearerTokens(tokens);
  const app = createHttpApp({ kernel, channels: kernel.channels, authenticate, logger });
  const said: string[] = [];
  const ask = async (method: string, path: string, body?: object, bearer = token) => {
    const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const request = new Request(`http://localhost/api/v1/notification/channels/${path}`, {
      ...{ method, headers },
      ...sent,
    });
    const response = await app.fetch(request);
    said.push(await response.text(), JSON.stringify([...response.headers]));
    return response.status;
  };
  const statuses: number[] = [];
  for (const { channel, url, bearerToken, secret } of channelsAt(server)) {
    const body = { webhook_url: url, bearer_token: bearerToken, secret };
    statuses.push(await ask('PUT', channel, body), await ask('POST', `${channel}/test`));
    statuses.push(await ask('GET', channel));
    // What is wrong is named, and not repeated.
    for (const wrong of [{ webhook_url: `ftp://${CANARY}` }, { secret: { [CANARY]: CANARY } }]) {
      statuses.push(await ask('PUT', channel, { ...body, ...wrong }));
    }
    statuses.push(await ask('PUT', channel, body, `${token}x`));
  }
  vault[Symbol.dispose]();
  statuses.push(await ask('POST', 'webhook/test'));
  expect(new Set(statuses)).toEqual(new Set([200, 400, 401, 500]));

  const output = jetStreamOutput({ servers: `nats://worker:${CANARY}@127.0.0.1:1` });
  const state = memoryReadModelStore().open();
  const projector = openProjector({ store, output, state, timing: QUICK, logger });
  const stop = new AbortController();
  const running = projector.run(stop.signal);
  await until('it has failed', () => projector.status().lastFailure !== undefined);
  const status = () => projector.status();
  const metrics = daemonTelemetry('tocsin-test');
  metrics.observe({ projector: status });
  closing.defer(metrics.close);
  const limits = { lagSeconds: 1, stalledSeconds: 1 };
  const health = createHealthApp({
    readiness: () => projectorReadiness(status, limits),
    metrics: metrics.collect,
  });
  for (const path of ['/health/ready', '/metrics']) said.push(await textOf(health, path));
  stop.abort();
  await running;
  expect(said.join()).toContain('tocsin_running');
  const other = parseVaultKeys(Buffer.from(`${CANARY}-${CANARY.slice(1)}`).toString('base64'));
  expect(() => sqliteVault({ file, keys: other })).toThrow(/encrypted with another key/);
  const log = (await eventsOf(store)).map(({ data, metadata }) => JSON.stringify([data, metadata]));
  const text = [...said, ...lines, ...log].join('\n');
  for (const secret of [CANARY, SECRET, key, token, Buffer.from(CANARY).toString('base64url')]) {
    expect(text).not.toContain(secret);
  }
});

async function textOf(app: ReturnType<typeof createHealthApp>, path: string): Promise<string> {
  const response = await app.request(path);
  return response.text();
}
