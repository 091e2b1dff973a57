// `npm run upgrade -- [COMMIT|PACKAGE.tgz]`: this version beside another one on one store and one NATS server, both ways
// round. Both serve the store, raise, project and deliver in turns; nothing may be lost, doubled or decided otherwise.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { startNatsServer } from '../../../src/adapters/nats/server.ts';
import { rawStream } from '../../support/jetstream.ts';
import { raiseLine } from '../../support/lines.ts';
import { until, untilStalled } from '../../support/until.ts';
import { openRun } from '../command.ts';
import { openReceiver } from '../receiver.ts';
import { command, daemon, killAll, type Daemon, type Settings } from './daemons.ts';
import { baseline, otherVersion, thisCheckout, type Version } from './versions.ts';

const USERS = 4;
const LINES = 40;
const INTERRUPTED = 130;
/** A takeover takes ten seconds of silence. */
const STALL_MS = 120_000;

const Replayed = z.looseObject({ published: z.number(), dedupeKeysSha256: z.string() });
const Verified = z.looseObject({ mismatches: z.array(z.unknown()) });

const { say, signal } = openRun();
const folder = mkdtempSync(join(tmpdir(), 'tocsin-upgrade-'));
signal.addEventListener('abort', () => {
  killAll();
  process.exit(INTERRUPTED);
});
try {
  const from = process.argv[2] ?? baseline();
  say(`the other version is ${from}`);
  const [old, current] = [otherVersion(from, join(folder, 'old')), thisCheckout()];
  await sideBySide(old, current);
  await sideBySide(current, old);
  say('nothing was lost, doubled or decided otherwise');
} finally {
  killAll();
  rmSync(folder, { recursive: true, force: true });
}

/** `first` runs alone; `second` joins and takes over; `first` comes back. */
async function sideBySide(first: Version, second: Version): Promise<void> {
  const way = `${first.name} to ${second.name}`;
  const own = mkdtempSync(join(folder, 'way-'));
  await using nats = await startNatsServer({ storeDir: join(own, 'nats') });
  await using stream = await rawStream(nats.url);
  await using receiver = await openReceiver(() => 200);
  const keys = ['vault.key', 'message.key'].map((name) => join(own, name));
  for (const key of keys) {
    writeFileSync(key, createHash('sha256').update(key).digest('base64'), { mode: 0o600 });
  }
  const base: Settings = {
    TOCSIN_NATS: nats.url,
    TOCSIN_CHANNEL: 'webhook',
    TOCSIN_PRIVATE_WEBHOOKS: 'allow',
    TOCSIN_VAULT: join(own, 'vault.db'),
    TOCSIN_VAULT_KEY_FILE: join(own, 'vault.key'),
    TOCSIN_MESSAGE_KEY_FILE: join(own, 'message.key'),
  };
  let store = await serveStore(first, base, own);
  let settings: Settings = { ...base, TOCSIN_STORE: store.url };
  let raised = 0;
  const raise = async (version: Version): Promise<void> => {
    const lines = Array.from({ length: LINES }, (_, index) =>
      raiseLine((index % USERS) + 1, { target_id: raised + index + 1 }),
    );
    await command(version, settings, ['raise', '--file', '-'], `${lines.join('\n')}\n`);
    raised += LINES;
  };
  const all = (what: string) =>
    untilStalled(
      `${way}: ${what}`,
      () => receiver.calls.length,
      () => receiver.calls.length >= raised,
      STALL_MS,
    );
  const project = (version: Version, ...args: readonly string[]): Promise<Daemon> =>
    daemon(
      version,
      settings,
      ['project', '--state', join(own, `${version.name}.db`), ...args],
      /projector started/,
    );
  const work = (version: Version): Promise<Daemon> => {
    const [state, worker] = ['-worker.db', '-worker'].map((end) => join(own, version.name + end));
    const paths = ['--state', String(state), '--worker', String(worker)];
    return daemon(
      version,
      settings,
      ['start', '--mode', 'worker', '--standby', ...paths],
      /"started"/,
    );
  };
  const caughtUp = (running: Daemon) =>
    until(`${way}: a standby to catch up`, async () => (await running.ready())?.ready, STALL_MS);

  const setPolicy = ['policy', 'set', 'none', '--reason', 'each line is to be sent'];
  await command(first, settings, setPolicy);
  for (let user = 1; user <= USERS; user++) {
    const put = ['channel', 'put', '--user', String(user), '--channel', 'webhook'];
    await command(first, settings, put, `${receiver.origin}/${user}`);
  }
  let active = await project(first);
  let worker = await work(first);
  await raise(first);
  await all(`${first.name} alone`);

  let standby = await project(second, '--standby');
  const both = await work(second);
  await raise(second);
  await all(`raised by ${second.name}`);
  await caughtUp(standby);
  await active.stop();
  await worker.stop();
  await raise(first);
  await all(`${second.name} has taken over`);

  // The store, and the way back, by a kill.
  await store.daemon.stop();
  store = await serveStore(second, base, own, store.port);
  settings = { ...settings, TOCSIN_STORE: store.url };
  active = await project(first, '--standby');
  worker = await work(first);
  await caughtUp(active);
  await standby.kill();
  await both.kill();
  await raise(second);
  await all(`${first.name} has taken over again`);
  standby = await project(second, '--standby');
  await caughtUp(standby);

  const ids = receiver.calls.map(({ notificationId }) => notificationId);
  assertEqual(`${way}: calls and notifications`, [new Set(ids).size, ids.length], [raised, raised]);
  const requests = (await stream.all()).filter(({ subject }) => subject.includes('.requested.'));
  const sent = requests.map(({ id }) => id);
  assertEqual(`${way}: messages`, [new Set(sent).size, sent.length], [raised, raised]);
  const digests = new Set<string>();
  for (const version of [first, second]) {
    const replayed = Replayed.parse(await command(version, settings, ['audit', 'replay']));
    assertEqual(`${way}: replay by ${version.name}`, replayed.published, raised);
    digests.add(replayed.dedupeKeysSha256);
  }
  assertEqual(`${way}: digests`, digests.size, 1);
  for (const running of [active, standby, worker]) await running.stop();
  for (const verifier of [first, second]) {
    for (const state of [first, second]) {
      const args = ['audit', 'verify', '--state', join(own, `${state.name}.db`)];
      const { mismatches } = Verified.parse(await command(verifier, settings, args));
      assertEqual(`${way}: ${verifier.name} verifies ${state.name}`, mismatches, []);
    }
  }
  await store.daemon.stop();
  say(`${way}: ${raised} raised, sent and delivered once; digest ${[...digests].join()}`);
}

async function serveStore(version: Version, settings: Settings, own: string, port = 0) {
  const args = ['store', '--store', `embedded:${join(own, 'store.db')}`];
  const listen = ['--listen', `127.0.0.1:${port}`];
  const served = await daemon(version, settings, [...args, ...listen], /Serving .* at esdb/);
  const [, url = '', found = ''] = /at (esdb:\/\/[^:]+:(\d+)[^;\s]*)/.exec(served.said()) ?? [];
  return { daemon: served, url, port: Number(found) };
}

function assertEqual(what: string, found: unknown, expected: unknown): void {
  if (JSON.stringify(found) === JSON.stringify(expected)) return;
  throw new Error(`${what}: ${JSON.stringify(found)} in place of ${JSON.stringify(expected)}`);
}
