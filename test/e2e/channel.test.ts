// `tocsin channel` and `tocsin forget`: no secret on the command line, and no secret in the output.
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { answering, receiver } from '../adapters/senders.support.ts';
import { testCli } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';

const USER = ['--user', '42'];
const KEY = 'canaryabcdefghijkl';
const URL = `https://www.feishu.cn/flow/api/trigger-webhook/${KEY}`;

describe('tocsin channel', () => {
  test('puts, shows, enables, disables and removes a channel', async () => {
    await using cli = testCli();
    const call = (name: string, ...more: readonly string[]) =>
      cli.call(['channel', name, ...USER, ...more], { env: { TOCSIN_CHANNEL_URL: URL } });
    const mask = 'https://www.feishu.cn/flow/api/trigger-webhook/cana...ijkl';
    expect((await call('get')).document).toMatchObject({ configured: false });
    const put = await call('put');
    expect(put).toMatchObject({
      code: 0,
      document: { outcome: 'changed', channel: { kind: 'feishu_flow', urlMask: mask } },
    });
    expect((await call('put')).document).toMatchObject({ outcome: 'unchanged' });
    expect((await call('disable')).document).toMatchObject({ channel: { enabled: false } });
    expect((await call('enable')).document).toMatchObject({ channel: { enabled: true } });
    expect((await call('list')).document).toMatchObject({ channels: [{ configured: true }] });
    expect((await call('remove')).document).toMatchObject({ channel: { configured: false } });
    const refused = await call('enable');
    expect(refused).toMatchObject({ code: 2, document: { error: { code: 'not_configured' } } });
    expect(JSON.stringify([put, refused])).not.toContain(KEY);
  });

  test('says that a channel gets nothing by default, unless it is the default', async () => {
    await using cli = testCli();
    const put = async (channel: string, env: Readonly<Record<string, string>> = {}) => {
      const url = channel === 'feishu' ? URL : 'https://example.com/hook';
      const args = ['channel', 'put', ...USER, '--channel', channel];
      const { code, stderr } = await cli.call(args, { env: { TOCSIN_CHANNEL_URL: url, ...env } });
      expect(code).toBe(0);
      return stderr;
    };
    expect(await put('webhook')).toMatch(/go to feishu by default.*TOCSIN_CHANNEL=webhook/);
    expect(await put('webhook', { TOCSIN_CHANNEL: 'webhook' })).toBe('');
    expect(await put('feishu')).toBe('');
  });

  test('sends a test message to a receiver on this machine', async () => {
    await using cli = testCli();
    await using server = await receiver(
      answering(200, { code: 19024, msg: 'Key Words Not Found' }),
    );
    const file = cli.path('receiver.json');
    const url = `${server.origin}/open-apis/bot/v2/hook/${KEY}`;
    writeFileSync(file, JSON.stringify({ url, secret: 'canary-secret' }));
    const env = { TOCSIN_STAND_IN: server.origin };
    await cli.call(['channel', 'put', ...USER, '--file', file], { env });
    const tested = await cli.call(['channel', 'test', ...USER], { env });
    expect(tested).toMatchObject({
      code: 1,
      document: { status: 'failed', answer: 'permanent', code: 'feishu_19024' },
    });
    expect(server.received).toHaveLength(1);
    expect(tested.stdout).not.toContain('canary');
  });

  test('rotates the key, and works without the old key afterwards', async () => {
    await using cli = testCli();
    const [old, fresh] = [0, 1].map(() => randomBytes(32).toString('base64'));
    const call = (key: string, name: string, ...more: readonly string[]) =>
      cli.call(['channel', name, ...more], {
        env: { TOCSIN_VAULT_KEY: key, TOCSIN_CHANNEL_URL: URL },
      });
    await call(old ?? '', 'put', ...USER);
    expect(await call(fresh ?? '', 'get', ...USER)).toMatchObject({
      code: 4,
      document: { error: { code: 'vault_key_wrong' } },
    });
    expect((await call(`${fresh},${old}`, 'rotate-key')).document).toEqual({ rotated: 3 });
    expect((await call(fresh ?? '', 'put', ...USER)).document).toMatchObject({
      outcome: 'unchanged',
    });
  });

  test('refuses an invalid address without repeating it', async () => {
    await using cli = testCli();
    const env = { TOCSIN_CHANNEL_URL: `http://evil.example/${KEY}` };
    const { code, stdout, stderr } = await cli.call(['channel', 'put', ...USER], { env });
    expect(code).toBe(2);
    expect(stdout).toContain('invalid_url');
    expect(stdout + stderr).not.toContain(KEY);
  });
});

describe('tocsin forget', () => {
  test('makes personal data unreadable without changing verdicts, and lists data that were never sealed', async () => {
    await using cli = testCli();
    const line = {
      ...JSON.parse(raiseLine(42)),
      payload: { title: 'canary of a title' },
    } as object;
    const file = cli.path('lines.ndjson');
    writeFileSync(file, `${JSON.stringify(line)}\n`);
    const env = {
      TOCSIN_VAULT: cli.path('vault.db'),
      TOCSIN_VAULT_KEY: randomBytes(32).toString('base64'),
    };
    await cli.call(['raise', '--file', file], { env });
    expect(readFileSync(cli.path('var/store.db')).includes('canary of a title')).toBe(false);
    const before = await cli.call(['audit', 'replay']);
    expect(before.document).toMatchObject({ triggers: 1, published: 1, parked: 0 });
    const forgotten = await cli.call(['forget', ...USER], { env });
    expect(forgotten).toMatchObject({
      code: 0,
      document: { userId: '42', keyShredded: true, readable: 0, unreadable: 3 },
    });
    const { seconds: _, ...after } = (await cli.call(['audit', 'replay'])).document as {
      seconds: number;
    };
    expect(before.document).toMatchObject(after);
    writeFileSync(file, `${raiseLine(43)}\n`);
    await cli.call(['raise', '--file', file]);
    expect(await cli.call(['forget', '--user', '43'], { env })).toMatchObject({
      code: 1,
      document: { keyShredded: false, unreadable: 0 },
    });
    expect(await cli.call(['forget', '--user', ''], { env })).toMatchObject({ code: 2 });
  });
});
