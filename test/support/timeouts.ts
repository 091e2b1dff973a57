// Timeouts for tests that take longer than the minute of vitest.config.ts. They end a hang; no passing test
// reaches them, also not on a machine whose cores are busy with other processes.

/** A wait during which nothing changes for this long has hung. */
export const STALL_MS = 60_000;

/** For tests that start several processes or servers one after the other: 15 to 40 s on an idle machine. */
export const SLOW_TEST_MS = 180_000;

/** For proofs that kill, freeze and restart processes under load for up to two minutes on an idle machine. */
export const LONG_PROOF_MS = 480_000;
