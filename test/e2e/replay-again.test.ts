// A replay depends only on the log. New processes get the log file without a read model, in another time zone
// and with another clock.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { openReadModelReader, sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import type { VerdictRow } from '../../src/projections/read-model.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { recordingOutput } from '../../src/testing.ts';
import { inputsOf } from '../support/raise-lines.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

/** Prints all verdicts, and the digest at the end. */
const REPLAY = `
import { embeddedReader } from './src/adapters/eventstore/embedded/store.ts';
import { temporaryReadModel } from './src/adapters/sqlite/read-model.ts';
import { createAudit } from './src/kernel/create-audit.ts';

await using log = embeddedReader(process.argv.at(-1));
const text = (_key, value) => (typeof value === 'bigint' ? String(value) : value);
const audit = createAudit({ log, scratch: temporaryReadModel });
const result = await audit.replay({ onVerdict: (row) => console.log(JSON.stringify(row, text)) });
console.log(JSON.stringify(result));
`;

/** A running clock that starts at the beginning of the year 2000. */
const OTHER_CLOCK = `
const { now } = Date;
const begun = now();
Date.now = () => 946684800000 + now() - begun;
globalThis.Date = class extends Date {
  constructor(...parts) { parts.length === 0 ? super(Date.now()) : super(...parts); }
};`;

async function replayIn(file: string, timeZone: string, clock = ''): Promise<string> {
  const first = ['--import', `data:text/javascript,${encodeURIComponent(clock)}`];
  const args = [...first, '--input-type=module', '-e', REPLAY, file];
  const env = { ...process.env, TZ: timeZone };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return stdout;
}

const shown = (row: VerdictRow): string =>
  JSON.stringify({ ...row, sequence: null }, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );

test(
  'audit replay gives the same bytes in another process and time zone, with another clock and no read model',
  { timeout: SLOW_TEST_MS },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tocsin-replay-'));
    try {
      const files = { store: join(folder, 'store.db'), state: join(folder, 'state.db') };
      const all = await readFile(new URL('../data/small.ndjson', import.meta.url), 'utf8');
      const text = all.split('\n').slice(0, 200).join('\n');
      {
        await using store = await embeddedStore({ file: files.store, holder: 'a test' });
        await using kernel = await openKernel({ ...scheduleProduct, store });
        for await (const { outcome } of kernel.raiseAll(inputsOf(text)))
          expect(outcome).toBeDefined();
        using state = sqliteReadModel({ file: files.state });
        await openProjector({ store, state, output: recordingOutput() }).once();
      }
      const recorded: string[] = [];
      {
        using state = openReadModelReader(files.state);
        recorded.push(...Array.from(state.verdicts(), shown));
      }
      await rm(files.state);
      const [here, elsewhere] = await Promise.all([
        replayIn(files.store, 'UTC'),
        replayIn(files.store, 'Pacific/Kiritimati', OTHER_CLOCK),
      ]);
      expect(elsewhere).toBe(here);
      expect(here.trimEnd().split('\n').slice(0, -1)).toEqual(recorded);
      expect(recorded.length).toBeGreaterThan(10);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
