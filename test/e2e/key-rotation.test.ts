// The documented rotation of the vault's key while every daemon runs: what was sealed before, between and after its steps is
// delivered, and the old key is needed by nobody.
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { answering, receiver } from '../adapters/senders.support.ts';
import { testCli } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';
import { until } from '../support/until.ts';

const Made = z.object({ token: z.string() });

test(
  'a rotation of the vault’s key while store, projector, worker and API run loses no channel',
  async () => {
    await using cli = testCli();
    await using nats = await testNatsServer();
    await using server = await receiver(answering(200, { code: 0, msg: 'success' }));
    const keyFile = cli.path('vault.key');
    const writeKeys = (...keys: readonly string[]): void => {
      writeFileSync(`${keyFile}.new`, `${keys.join('\n')}\n`, { mode: 0o600 });
      renameSync(`${keyFile}.new`, keyFile);
    };
    const [old, fresh] = [0, 1].map(() => randomBytes(32).toString('base64'));
    if (old === undefined || fresh === undefined) throw new Error('there are two keys');
    writeKeys(old);

    const store = cli.start(['store', '--listen', '127.0.0.1:0', '--json'], { open: true });
    const [, url = ''] = await store.says(/"url":"(esdb:[^"]+)"/);
    const env = {
      TOCSIN_STORE: url,
      TOCSIN_NATS: nats.url,
      TOCSIN_VAULT: cli.path('vault.db'),
      TOCSIN_VAULT_KEY_FILE: keyFile,
      TOCSIN_STAND_IN: server.origin,
    };
    const projector = cli.start(['project', '--state', cli.path('standby.db')], { env });
    const worker = cli.start(['start', '--mode', 'worker'], { env });
    const api = cli.start(['start', '--mode', 'api'], { env });
    const [, base = ''] = await api.says(/"api":"([^"]+)"/);
    const tokenOf = async (user: number): Promise<string> => {
      const args = ['token', 'create', '--for', 'a page', '--user', String(user)];
      return Made.parse((await cli.call(args, { env })).document).token;
    };
    const put = async (user: number): Promise<number> => {
      const answer = await fetch(`${base}/api/v1/notification/channels/feishu`, {
        method: 'PUT',
        headers: {
          authorization: `Bearer ${await tokenOf(user)}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({
          webhook_url: `${server.origin}/open-apis/bot/v2/hook/of-user-${user}`,
        }),
      });
      return answer.status;
    };
    const raise = async (user: number): Promise<void> => {
      const line = raiseLine(user);
      const { document } = await cli.json(['raise', '--file', '-'], { input: line, env });
      expect(document).toMatchObject({ raised: 1 });
    };
    const calledFor = (user: number): boolean =>
      server.received.some(({ path }) => path.endsWith(`of-user-${user}`));

    expect(await put(1)).toBe(200);
    await raise(1);
    await until('user 1 is told', () => calledFor(1));

    writeKeys(fresh, old);
    expect(await put(2)).toBe(200);
    const rotated = await cli.call(['channel', 'rotate-key'], { env });
    expect(rotated).toMatchObject({ code: 0 });
    expect(await put(3)).toBe(200);
    writeKeys(fresh);
    expect(await put(4)).toBe(200);
    for (const user of [2, 3, 4]) await raise(user);
    await until('all are told', () => [2, 3, 4].every(calledFor));

    for (const daemon of [api, worker, projector, store]) {
      daemon.kill('SIGTERM');
      const { code, stdout, stderr } = await daemon.ended();
      expect(code).toBe(0);
      expect(stdout + stderr).not.toContain('of-user-');
    }
    expect(readFileSync(keyFile, 'utf8')).not.toContain(old);
  },
  SLOW_TEST_MS,
);
