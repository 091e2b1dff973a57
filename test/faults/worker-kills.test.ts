// Kills a real worker by SIGKILL after each of its appends, from a task to its preview.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { eventsOf } from '../support/world.ts';
import { SLOW_TEST_MS, STALL_MS } from '../support/timeouts.ts';

const worker = fileURLToPath(new URL('../harness/mortal-worker.ts', import.meta.url));

/** More than a task takes; the test sees how many there were. */
const MOST_RUNS = 12;

test(
  'a worker that is killed after each append has each effect once',
  { timeout: SLOW_TEST_MS },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-mortal-'));
    try {
      const task = { kind: 'task', user_id: 42, task_id: 7, priority: 1 };
      const due = { urgency_threshold_at: new Date(Date.now() - 60_000).toISOString() };
      writeFileSync(join(folder, 'tasks.ndjson'), `${JSON.stringify({ ...task, ...due })}\n`);
      const signals: (string | null)[] = [];
      // Each run dies after its first append, so the next one begins where that left off.
      while (signals.at(-1) !== null && signals.length < MOST_RUNS) {
        const { signal, stderr } = spawnSync(process.execPath, [worker, folder, '1'], {
          encoding: 'utf8',
          timeout: STALL_MS,
          killSignal: 'SIGTERM',
        });
        expect(stderr).toBe('');
        signals.push(signal);
      }
      // Scheduled, claimed and raised are a death each; triggered and offered may be in one group.
      expect(signals).toEqual([...signals.slice(0, -1).map(() => 'SIGKILL'), null]);
      expect([5, 6]).toContain(signals.length);

      await using store = await embeddedStore({ file: join(folder, 'events.db') });
      const events = await eventsOf(store);
      const types = events
        .map(({ type }) => type)
        .filter((type) => !/Initialised|Ruleset/.test(type));
      expect(types.toSorted()).toEqual([
        'DueJobScheduled',
        'DueJobTriggered',
        'IdempotencyClaimed',
        'NotificationRequested',
        'PreviewOffered',
        'TriggerRaised',
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
