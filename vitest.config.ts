import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Tests wait for conditions, so these timeouts only end what hangs. Tests that take longer than 15 s on an
// idle machine have a timeout of their own, from test/support/timeouts.ts.
const testTimeoutMs = 60_000;
const pollTimeoutMs = 30_000;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    watch: false,
    // Processes, not threads: the suites open SQLite files, spawn servers and kill them.
    pool: 'forks',
    // Files share a worker's modules: loading them anew for each takes longer than most files' tests.
    isolate: false,
    // Many tests wait for servers, disks and timeouts more than they compute.
    maxWorkers: Math.max(2 * availableParallelism(), 4),
    testTimeout: testTimeoutMs,
    hookTimeout: testTimeoutMs,
    expect: { poll: { timeout: pollTimeoutMs } },
    // A suite that never ran must not pass for one that did.
    passWithNoTests: false,
    restoreMocks: true,
    unstubGlobals: true,
    reporters: ['default'],
  },
});
