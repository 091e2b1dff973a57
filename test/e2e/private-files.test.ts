// No other account of the machine can read or write the files, whatever the umask, and `doctor` finds files it can.
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testCli, type Cli } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

/** Files and folders of `folder` that others may reach, with their rights. */
function openIn(cli: Cli, folder: string): readonly string[] {
  return readdirSync(cli.path(folder), { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const mode = statSync(join(cli.path(folder), name)).mode & 0o777;
    return (mode & 0o077) === 0 ? [] : [`${name} ${mode.toString(8)}`];
  });
}

const checksOf = (document: unknown): readonly object[] =>
  document instanceof Object && 'checks' in document && Array.isArray(document.checks)
    ? (document.checks as object[])
    : [];

test(
  'all files are for their owner only, and doctor warns of a file that others can read',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using cli = testCli();
    await using nats = await testNatsServer();
    const umask = process.umask(0);
    try {
      writeFileSync(cli.path('lines.ndjson'), `${raiseLine(42)}\n`);
      const env = { TOCSIN_NATS: nats.url, TOCSIN_VAULT: cli.path('var/vault.db') };
      const call = async (...args: readonly string[]) => {
        const { code, document } = await cli.call(args, { env });
        expect(code).toBe(0);
        return document;
      };
      await call('raise', '--file', cli.path('lines.ndjson'));
      await call('project', '--once');
      await call('audit', 'export', '--out', cli.path('var/export.ndjson'));
      await call('backup', cli.path('var/backup'));
      expect(openIn(cli, 'var')).toEqual([]);
      expect(statSync(cli.path('var')).mode & 0o777).toBe(0o700);
      expect(checksOf(await call('doctor'))).toContainEqual(
        expect.objectContaining({ name: 'files', status: 'ok' }),
      );
      chmodSync(cli.path('var/store.db'), 0o644);
      expect(checksOf(await call('doctor'))).toContainEqual(
        expect.objectContaining({
          name: 'files',
          status: 'warning',
          detail: expect.stringContaining(cli.path('var/store.db')) as string,
        }),
      );
      chmodSync(cli.path('var/store.db'), 0o600);
      mkdirSync(cli.path('var/nats/store'), { recursive: true, mode: 0o700 });
      writeFileSync(cli.path('var/nats/store/1.blk'), '', { mode: 0o666 });
      expect(checksOf(await call('doctor'))).toContainEqual(
        expect.objectContaining({
          name: 'files',
          status: 'warning',
          detail: expect.stringContaining('1.blk') as string,
        }),
      );
    } finally {
      process.umask(umask);
    }
  },
);
