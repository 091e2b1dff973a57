// Runs the commands of docs/audit.md and compares their output with the page, except random ids, hashes,
// durations and paths.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { testCli } from '../support/cli.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'audit.md'), 'utf8');

/** Each command of the page with the output that follows it. */
const shown = [...page.matchAll(/```sh\n\$ tocsin ([^\n]+)\n((?:(?!```)[^\n]*\n)*)```/g)].map(
  ([, command = '', output = '']) => ({ command, output }),
);

const BEGIN = Date.UTC(2026, 3, 30, 2, 17, 42);
const MINUTE = 60_000;

test(
  'the commands of docs/audit.md print the output on the page',
  { timeout: SLOW_TEST_MS },
  async () => {
    expect(shown.length).toBeGreaterThanOrEqual(7);
    await using cli = testCli();
    await using nats = await testNatsServer();
    await makeCase(cli.path('var'), nats.url);
    for (const { command, output } of shown) {
      const env = { TOCSIN_NATS: nats.url, TZ: 'Pacific/Kiritimati' };
      const result = await cli.run(command.split(' '), { env });
      expect(stable(`${command}\n${result.stdout}${result.stderr}`)).toBe(
        stable(`${command}\n${output}`),
      );
    }
  },
);

/** User 42 gets one notification in a half hour; one request is recorded late. */
async function makeCase(folder: string, url: string): Promise<void> {
  await using store = await embeddedStore({ file: join(folder, 'store.db') });
  let now = BEGIN;
  const clock = { now: () => now };
  await using kernel = await openKernel({ ...scheduleProduct, store, clock });
  const raise = async (targetId: number, minutes: number, requestedMinutes = minutes) => {
    now = BEGIN + minutes * MINUTE;
    await kernel.raise(
      {
        userId: 42,
        triggerType: 'important_urgent_task',
        source: 'api_trigger',
        targetType: 'task_pool',
        targetId,
        requestedAt: new Date(BEGIN + requestedMinutes * MINUTE).toISOString(),
      },
      { actor: 'planner' },
    );
  };
  await raise(7, 0);
  await raise(8, 5);
  await raise(9, 60, 10);
  await raise(7, 61);
  using state = sqliteReadModel({ file: join(folder, 'state.db') });
  const output = jetStreamOutput({ servers: url });
  await openProjector({ store, state, output, clock }).once();
}

function stable(text: string): string {
  return (
    text
      .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
      .replaceAll(/\b[0-9a-f]{64}\b/g, 'HASH')
      .replaceAll(/\d+(?:\.\d+)? s\b/g, 'S s')
      .replaceAll(/[\d,]+\/s/g, 'R/s')
      // A notary signs by the clock of the machine.
      .replaceAll(/\b(signed|since|head of) \d{4}-\S+Z/g, '$1 T')
      .replaceAll(/^[A-Za-z0-9+/]{43,}={0,2}$/gm, 'PEM')
      // The control event before it holds a time of the server's, which is not always as long.
      .replaceAll(/up to \d+\/\d+/g, 'up to P')
      .replaceAll(/\/\S+\/var\//g, 'var/')
      .trim()
  );
}
