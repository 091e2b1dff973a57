// examples/billing.ts over SQLite, and over Postgres where a server is installed.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { SLOW_TEST_MS } from '../support/timeouts.ts';
import { until } from '../support/until.ts';

const example = fileURLToPath(new URL('../../examples/billing.ts', import.meta.url));

/** The folder of the server's programs. */
function findServer(): string | undefined {
  const [initdb] = globSync([
    '/usr/lib/postgresql/*/bin/initdb',
    '/usr/local/bin/initdb',
    '/opt/homebrew/bin/initdb',
  ]);
  return initdb && dirname(initdb);
}

/** The server refuses to run as root. */
function serverUser(): { readonly uid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return { uid: Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' })) };
}

/** A run twice over the same database; the second finds everything done. */
function expectInvoicesIn(database: string, address: Readonly<Record<string, string>>): void {
  const { PATH = '' } = process.env;
  const DATA = mkdtempSync(join(tmpdir(), 'tocsin-billing-'));
  const env = { PATH, DATA, ...address };
  const run = () => execFileSync(process.execPath, [example], { env, encoding: 'utf8' });
  const [first, second] = [run(), run()];
  rmSync(DATA, { recursive: true });
  expect(first).toContain(`invoices in ${database}\n`);
  expect(first.match(/^e-mail to /gm)).toHaveLength(3);
  expect(first).toMatch(/^verified \{"published":3,"suppressed":\d,"differences":0\}$/m);
  expect(second).not.toContain('e-mail to');
  expect(second).toMatch(/^relayed \{"raised":0,"duplicates":5,/m);
}

test(
  'billing.ts keeps its invoices in SQLite without an address',
  { timeout: SLOW_TEST_MS },
  () => {
    expectInvoicesIn('SQLite', {});
  },
);

const bin = findServer();
// Not skipped where no server is installed: there is nothing that could be tested.
test.each(bin === undefined ? [] : [bin])(
  'billing.ts keeps its invoices in Postgres, where a server is installed',
  { timeout: SLOW_TEST_MS },
  async (programs) => {
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-postgres-'));
    const user = serverUser();
    chmodSync(folder, 0o755);
    if (user !== undefined) chownSync(folder, user.uid, -1);
    const options = { ...user, cwd: '/' };
    const data = join(folder, 'data');
    const program = (name: string): string => join(programs, name);
    execFileSync(program('initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust'], options);
    const settings = ['-D', data, '-k', folder, '-c', 'listen_addresses='];
    const server = spawn(program('postgres'), settings, { ...options, stdio: 'pipe' });
    const closed = once(server, 'close');
    let said = '';
    server.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    try {
      await until('Postgres is ready', () => said.includes('ready to accept connections'));
      expectInvoicesIn('Postgres', {
        DATABASE_URL: `postgres://postgres@/postgres?host=${folder}`,
      });
    } finally {
      server.kill('SIGINT');
      await closed;
      rmSync(folder, { recursive: true });
    }
  },
);
