// examples/billing.ts over Postgres, where a server and the driver `pg` are installed.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
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

function hasDriver(): boolean {
  try {
    createRequire(example).resolve('pg');
    return true;
  } catch {
    return false;
  }
}

/** The server refuses to run as root. */
function serverUser(): { readonly uid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return { uid: Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' })) };
}

const bin = findServer();
const missing = bin === undefined ? 'no Postgres is installed' : 'the driver pg is not installed';
const isReady = bin !== undefined && hasDriver();

test.skipIf(!isReady)(
  `billing.ts keeps its invoices in Postgres${isReady ? '' : ` (skipped: ${missing})`}`,
  { timeout: SLOW_TEST_MS },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-postgres-'));
    const user = serverUser();
    chmodSync(folder, 0o755);
    if (user !== undefined) chownSync(folder, user.uid, -1);
    const options = { ...user, cwd: '/' };
    const data = join(folder, 'data');
    const program = (name: string): string => join(bin ?? '', name);
    execFileSync(program('initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust'], options);
    const settings = ['-D', data, '-k', folder, '-c', 'listen_addresses='];
    const server = spawn(program('postgres'), settings, { ...options, stdio: 'pipe' });
    const closed = once(server, 'close');
    let said = '';
    server.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    try {
      await until('Postgres is ready', () => said.includes('ready to accept connections'));
      const { PATH = '' } = process.env;
      const DATABASE_URL = `postgres://postgres@/postgres?host=${folder}`;
      const DATA = mkdtempSync(join(tmpdir(), 'tocsin-billing-'));
      const env = { PATH, DATABASE_URL, DATA };
      const run = () => execFileSync(process.execPath, [example], { env, encoding: 'utf8' });
      const [first, second] = [run(), run()];
      rmSync(DATA, { recursive: true });
      expect(first).toContain('invoices in Postgres\n');
      expect(first.match(/^e-mail to /gm)).toHaveLength(3);
      expect(first).toMatch(/^verified \{"published":3,"suppressed":\d,"differences":0\}$/m);
      expect(second).not.toContain('e-mail to');
      expect(second).toMatch(/^relayed \{"raised":0,"duplicates":5,/m);
    } finally {
      server.kill('SIGINT');
      await closed;
      rmSync(folder, { recursive: true });
    }
  },
);
