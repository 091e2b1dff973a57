// `tocsin raise` while its event store goes away: it survives a restart, and ends with its counts in a longer outage.
import { describe, expect, test } from 'vitest';
import { raiseLines } from '../../src/cli/compose/raise-file.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { frontProcess } from '../adapters/front.support.ts';
import { testCli } from '../support/cli.ts';
import { manyLines } from '../support/lines.ts';
import { until } from '../support/until.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';
import { storedEvents } from '../support/stored-events.ts';
import { eventsOf } from '../support/world.ts';

function source(...chunks: readonly string[]): AsyncIterable<Uint8Array> {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) {
      await Promise.resolve();
      yield Buffer.from(chunk);
    }
  }
  return bytes();
}

describe('raising lines without an answer of the store', () => {
  const outages = [
    ['reads fail', 'unavailable', 'store_unavailable'],
    ['appends have no answer', 'unknown', 'unknown'],
  ] as const;

  test.each(outages)(
    'counts and lists them when %s, and stops reading',
    async (_how, fault, code) => {
      let isAway = false;
      const store = memoryStore({
        faults({ kind, n }) {
          if (!isAway) return undefined;
          if (fault === 'unavailable' && kind === 'readStream') return { fault };
          if (kind === 'append') return { fault: 'unknown', written: n % 2 === 0 };
          return undefined;
        },
      });
      await using kernel = await openKernel({ ...scheduleProduct, store });
      const lines = manyLines(1, 40).split('\n');
      const chunks = lines.map((line) => `${line}\n`);
      let seen = 0;
      const summary = await raiseLines(kernel, source(...chunks), {
        concurrency: 2,
        deadlineMs: 50,
        stopsAtUnknown: true,
        onLine() {
          seen += 1;
          if (seen === 5) isAway = true;
        },
      });
      const { read, raised, duplicates, rejected, unknown, unknownLines, errors } = summary;
      expect(raised + duplicates + rejected + unknown).toBe(read);
      expect(unknown).toBeGreaterThan(0);
      expect(read).toBeLessThan(40);
      expect(unknownLines).toHaveLength(unknown);
      const codes = new Set(errors.map((error) => error.code));
      if (fault === 'unknown') expect([...codes]).toEqual([code]);
      // Sent again, together with the lines that were not read: each trigger is in the log once.
      isAway = false;
      const again = unknownLines.map((line) => `${lines[line - 1]}\n`);
      await raiseLines(kernel, source(...again, ...chunks.slice(read)), {
        concurrency: 2,
        onLine: () => undefined,
      });
      const events = await eventsOf(store);
      expect(events.filter(({ type }) => type === 'TriggerRaised')).toHaveLength(40);
    },
  );
});

function triggersIn(file: string): number {
  return [...storedEvents(file)].filter(({ type }) => type === 'TriggerRaised').length;
}

describe('tocsin raise', { timeout: SLOW_TEST_MS }, () => {
  test('survives a killed and restarted store, and raises each line once', async () => {
    await using cli = testCli();
    const file = cli.path('store.db');
    const first = await frontProcess(file);
    const store = first.url;
    const raising = cli.start(['raise', '--file', '-', '--store', store, '--json'], { open: true });
    raising.write(manyLines(1, 2_000));
    await until('it raises', () => triggersIn(file) > 100);
    await first.killed();
    await frontProcess(file, Number(new URL(store).port));
    raising.write(manyLines(2_001, 4_000));
    raising.endInput();
    const { code, stdout, stderr } = await raising.ended();
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({ read: 4_000, rejected: 0, unknown: 0 });
    expect(triggersIn(file)).toBe(4_000);
    expect(code).toBe(0);
  });
});
