// SIGTERM at any moment: each daemon ends with 0 within ten seconds and closes its files.
import { readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { testCli, type Cli, type CliProcess } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';
import { randomFrom } from '../support/random.ts';
import { LONG_PROOF_MS } from '../support/timeouts.ts';
import { until } from '../support/until.ts';

const ROUNDS = 20;
/** The stop may take ten seconds; the rest is for a machine with busy cores. */
const LIMIT_MS = 10_000 + 5_000;
const SIGTERM_BIT = 1n << 14n;
const LINES = 2_000;
