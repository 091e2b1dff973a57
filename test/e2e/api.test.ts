// `tocsin token` and `tocsin start --mode api` as real processes on one front.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { testCli } from '../support/cli.ts';
import { until } from '../support/until.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const example = fileURLToPath(new URL('../../examples/tasks.ics', import.meta.url));
const Made = z.object({ token: z.string(), id: z.string() });

test(
  'tocsin token create shows a token once; the API of another process accepts it until it is revoked',
  async () => {
    await using cli = testCli();
    const store = cli.start(['store', '--listen', '127.0.0.1:0', '--json'], { open: true });
    const [, url = ''] = await store.says(/"url":"(esdb:[^"]+)"/);
    const env = { TOCSIN_STORE: url };

    const wrong = await cli.call(['token', 'create', '--for', 'x', '--user', '1', '--service']);
    expect(wrong).toMatchObject({ code: 2, document: { error: { code: 'token_invalid' } } });
    const remote = await cli.call(['start', '--mode', 'api', '--api', '0.0.0.0:0'], { env });
    expect(remote).toMatchObject({ code: 2, document: { error: { code: 'address_not_local' } } });

    const made = await cli.call(['token', 'create', '--for', 'a script', '--user', '42'], { env });
    const { token, id } = Made.parse(made.document);
    const listed = await cli.call(['token', 'list'], { env });
    expect(listed.document).toMatchObject({ tokens: [{ id, user: '42', status: 'valid' }] });
    expect(listed.stdout).not.toContain(token);

    const tasks = ['--tasks', example, '--tasks-user', '42'];
    const mode = ['start', '--mode', 'api', '--log-level', 'debug', ...tasks];
    const api = cli.start(mode, { env });
    const [, base = '', http = ''] = await api.says(/"api":"([^"]+)","http":"([^"]+)"/);
    expect((await fetch(`${http}/health/ready`)).status).toBe(200);
    const ask = (what = 'trigger') =>
      fetch(`${base}/api/v1/active-schedule/${what}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          trigger_type: 'important_urgent_task',
          target_type: 'task_pool',
          target_id: 7,
        }),
      });
    expect((await ask()).status).toBe(201);
    expect((await ask()).status).toBe(200);
    // A dry run reads the tasks and writes nothing.
    expect((await ask('dry-run')).status).toBe(200);
    const deliveries = await fetch(`${base}/api/v1/notification/deliveries`, {
      headers: { authorization: `Bearer ${token}` },
    });
    // No worker has made a list of deliveries.
    expect(deliveries.status).toBe(503);

    const revoked = await cli.call(['token', 'revoke', id, '--reason', 'was leaked'], { env });
    expect(revoked).toMatchObject({ code: 0, document: { outcome: 'revoked' } });
    await until('it is refused', async () => (await ask()).status === 401);

    api.kill('SIGTERM');
    const { code, stdout, stderr } = await api.ended();
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain(token.slice(-43));
    store.kill('SIGTERM');
    await store.ended();
  },
  SLOW_TEST_MS,
);
