// The examples as a reader of the README runs them: real processes, real HTTP, a real nats-server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { rawStream } from '../support/jetstream.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';
import { storedEvents } from '../support/stored-events.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const windowMs = 30 * 60 * 1000;
const example = (name: string): string =>
  fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

let folder: string;
const running: Example[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-embedding-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.end('SIGKILL')));
  rmSync(folder, { recursive: true });
});

type Example = {
  readonly said: () => string;
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>;
  readonly ended: Promise<number | null>;
};

function run(name: string, env: Readonly<Record<string, string>> = {}): Example {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [example(name)], { cwd: folder, env: { PATH, ...env } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  }
  const ended = once(child, 'close').then(([code]) => (typeof code === 'number' ? code : null));
  const end = (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return ended;
  };
  const started = { said: () => said, end, ended };
  running.push(started);
  return started;
}

describe('embed.ts', { timeout: SLOW_TEST_MS }, () => {
  test('raises, and reports the duplicate the second time', async () => {
    const before = Math.floor(Date.now() / windowMs);
    const first = run('embed.ts');
    expect([await first.ended, first.said()]).toEqual([
      0,
      expect.stringMatching(/^raised ast_\w+\n$/),
    ]);
    const second = run('embed.ts');
    expect(await second.ended).toBe(0);
    // Unless the half hour, and the window with it, ended just now.
    if (Math.floor(Date.now() / windowMs) !== before) return;
    expect(second.said()).toBe(first.said().replace('raised', 'duplicate'));
  });

  test('is ten lines of code, as its first line says', () => {
    const lines = readFileSync(example('embed.ts'), 'utf8').split('\n');
    const statements = lines.filter((line) => /^(?:import|await using|const|console)/.test(line));
    expect(statements).toHaveLength(6);
    expect(lines.filter((line) => line !== '' && !line.startsWith('//')).length).toBeLessThan(13);
  });
});

describe('billing.ts', { timeout: SLOW_TEST_MS }, () => {
  const mails = (said: string): readonly string[] => said.match(/^e-mail to .*$/gm) ?? [];

  test('tells each customer of each invoice once, also when it runs again, and can prove it', async () => {
    const first = run('billing.ts');
    expect(await first.ended, first.said()).toBe(0);
    expect(mails(first.said()).toSorted()).toEqual([
      'e-mail to ada@example.com: Invoice overdue: 120 EUR were due on 2026-01-10. https://pay.example.com/invoices/INV%2F2026%2F1',
      'e-mail to ada@example.com: Invoice overdue: 80 EUR were due on 2026-01-12. https://pay.example.com/invoices/INV%2F2026%2F2',
      'e-mail to bob@example.com: Invoice overdue: 990 EUR were due on 2026-01-15. https://pay.example.com/invoices/INV%2F2026%2F3',
    ]);
    expect(first.said()).toMatch(/^verified \{"published":3,"suppressed":\d,"differences":0\}$/m);
    const second = run('billing.ts');
    expect(await second.ended, second.said()).toBe(0);
    expect(mails(second.said())).toEqual([]);
    expect(second.said()).toMatch(/^verified .*"differences":0\}$/m);
  });

  test('has at most 150 lines, and neither it nor its log has a word of the schedule', async () => {
    const text = readFileSync(example('billing.ts'), 'utf8');
    expect(text.split('\n').length).toBeLessThanOrEqual(150);
    const words = /schedule|task|feishu|timetable|calendar/i;
    expect(text).not.toMatch(words);
    expect(await run('billing.ts').ended).toBe(0);
    const own = (file: string): string => join(folder, 'var', 'billing', `${file}.db`);
    using db = new DatabaseSync(own('messages'), { readOnly: true });
    const messages = db.prepare('SELECT subject, headers, CAST(data AS TEXT) FROM messages').all();
    for (const rows of [[...storedEvents(own('events'))], messages]) {
      const all = JSON.stringify(rows);
      expect(all).toContain('invoice_overdue');
      expect(all).not.toMatch(words);
    }
  });
});

const Requests = z.array(
  z.object({ id: z.int(), input: z.string(), result: z.string().nullable() }),
);

describe('fastify.ts', { timeout: SLOW_TEST_MS }, () => {
  /** Starts it, and talks to it. */
  async function startApp(env: Readonly<Record<string, string>> = {}) {
    const app = run('fastify.ts', { PORT: '0', DATA: join(folder, 'data'), ...env });
    const url = await until('an address', () => {
      return /listening at (http:\S+)/.exec(app.said())?.[1];
    });
    const post = (path: string, body?: object): Promise<Response> =>
      fetch(`${url}${path}`, {
        method: 'POST',
        ...(body && { body: JSON.stringify(body) }),
        ...(body && { headers: { 'content-type': 'application/json' } }),
      });
    const outcomes = async () =>
      Requests.parse(await (await fetch(`${url}/requests`)).json()).map(({ result }) => result);
    return { ...app, post, outcomes };
  }

  test('raises what its transactions wrote, and nothing of one that failed', async () => {
    const app = await startApp();
    const created = await app.post('/tasks', { userId: 42, title: 'Pay the rent' });
    expect([created.status, await created.json()]).toEqual([
      201,
      { id: '1', userId: 42, title: 'Pay the rent' },
    ]);
    expect((await app.post('/tasks', { userId: 42 })).status).toBe(400);
    expect((await app.post('/tasks/9/completed')).status).toBe(404);
    expect((await app.post('/tasks/1/completed')).status).toBe(200);
    expect((await app.post('/tasks/1/completed')).status).toBe(200);
    await until('both are raised', async () => !(await app.outcomes()).includes(null));
    expect(await app.outcomes()).toEqual(['raised', 'raised']);
    expect(await app.end('SIGTERM')).toBe(0);
  });

  test('loses nothing and sends nothing twice when it is killed at any moment', async () => {
    await using nats = await testNatsServer();
    await using stream = await rawStream(nats.url);
    const env = { TOCSIN_NATS: nats.url };
    let tasks = 0;
    for (const lifeMs of [0, 30, 120]) {
      const app = await startApp(env);
      for (let n = 0; n < 5; n++) {
        tasks += 1;
        // Each user has one window: a user of its own for each task.
        const task = { userId: tasks, title: `task ${tasks}` };
        expect((await app.post('/tasks', task)).status).toBe(201);
      }
      await new Promise((resolve) => setTimeout(resolve, lifeMs));
      await app.end('SIGKILL');
    }
    const app = await startApp(env);
    const counts = await until('all messages', async () => {
      const found = (await stream.last()) === undefined ? {} : await stream.counts();
      return Object.values(found).reduce((a, b) => a + b, 0) >= tasks * 2 ? found : undefined;
    });
    expect(counts).toEqual({
      'active_schedule.triggered': tasks,
      'notification.feishu.requested': tasks,
    });
    expect(await app.outcomes()).toHaveLength(tasks);
    expect(await app.outcomes()).not.toContain(null);
    expect(await app.end('SIGTERM')).toBe(0);
    const ids = (await stream.all()).map(({ id }) => id);
    expect(new Set(ids).size).toBe(tasks * 2);
  });
});
