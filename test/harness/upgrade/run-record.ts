// `node test/harness/upgrade/run-record.ts`: makes `test/upgrade/recorded`, the files of a small deployment of this version.
// Record again only when a format changes on purpose before a release.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startNatsServer } from '../../../src/adapters/nats/server.ts';
import { raiseLine } from '../../support/lines.ts';
import { until } from '../../support/until.ts';
import { command, daemon, killAll } from './daemons.ts';
import { standIn } from './stand-in.ts';
import { thisCheckout } from './versions.ts';

const target = resolve(import.meta.dirname, '../../upgrade/recorded');
const folder = mkdtempSync(join(tmpdir(), 'tocsin-record-'));
const version = thisCheckout();
const at = (name: string): string => join(folder, name);

try {
  writeFileSync(at('vault.key'), Buffer.alloc(32, 7).toString('base64'), { mode: 0o600 });
  await using receiver = await standIn();
  const nats = await startNatsServer({ storeDir: at('nats') });
  const settings = {
    HOME: folder,
    TOCSIN_NATS: nats.url,
    TOCSIN_STATE: at('state.db'),
    TOCSIN_WORKER: at('worker'),
    TOCSIN_VAULT: at('vault.db'),
    TOCSIN_VAULT_KEY_FILE: at('vault.key'),
    TOCSIN_STAND_IN: receiver.origin,
  };
  const embedded = { ...settings, TOCSIN_STORE: `embedded:${at('store.db')}` };
  const run = (args: readonly string[], input?: string) => command(version, embedded, args, input);
  await run(['policy', 'set', 'anchored', '10m', '--reason', 'a test']);
  for (const user of ['1', '2']) {
    const hook = `${receiver.origin}/open-apis/bot/v2/hook/${user}`;
    await run(['channel', 'put', '--user', user], hook);
  }
  const lines = [1, 1, 2, 3].map((user, index) => raiseLine(user, { target_id: index + 1 }));
  await run(['raise', '--file', '-'], `${lines.join('\n')}\n`);
  const store = await daemon(
    version,
    embedded,
    ['store', '--listen', '127.0.0.1:0'],
    /Serving .* at esdb/,
  );
  const [, url = ''] = /at (esdb:[^;\s]+)/.exec(store.said()) ?? [];
  const served = { ...settings, TOCSIN_STORE: url };
  const worker = await daemon(version, served, ['start', '--mode', 'worker'], /"started"/);
  await until('the deliveries', () => receiver.calls.length === 2);
  await until('their records', async () => {
    const list = JSON.stringify(await command(version, served, ['deliveries', 'list']));
    return (list.match(/"delivered"|"skipped"/g) ?? []).length >= 3;
  });
  await worker.stop();
  await store.stop();
  await nats.stop();
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const isKept = (source: string): boolean => !/(?:-wal|-shm|\.lock|\.log|\.ports)$/.test(source);
  for (const name of readdirSync(folder)) {
    if (isKept(name) && name !== 'nats') {
      cpSync(at(name), join(target, name), { recursive: true, filter: isKept });
    }
  }
  cpSync(at('nats/jetstream'), join(target, 'nats/jetstream'), { recursive: true });
} finally {
  killAll();
  rmSync(folder, { recursive: true, force: true });
}
