// Replays what real servers were asked, and compares the front's answers with theirs, case by case. What stays different is
// listed in differences.json with its reason, and the test fails when the list is not true.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createFront, type Front } from '../../../src/adapters/eventstore/front/front.ts';
import type { ServerVersion } from '../../../src/adapters/eventstore/front/server-version.ts';
import { LONG_PROOF_MS } from '../../support/timeouts.ts';
import { badBatch, badBatch2 } from './bad-batch.ts';
import {
  hasRecordings,
  isSame,
  normalised,
  readRecording,
  recordings,
  type Case,
  type Recording,
  type Unread,
} from './format.ts';
import { dollarDollar, startUp } from './life.ts';
import { refusalsAppends } from './refused-appends.ts';
import { refusalsReads } from './refused-reads.ts';
import { refusalsRemovals } from './refused-removals.ts';
import { identicalAppends, repeats } from './repeats.ts';
import { links, prefixes } from './links.ts';
import { metadata, softDelete } from './metadata.ts';
import { services } from './services.ts';
import { slowReader } from './slow-reader.ts';
import { checkpoints, resumeCheckpoints } from './checkpoints.ts';
import { beyondEnd, liveHidden, resume } from './subscriptions.ts';
import { wireClient } from './calls.ts';

/** Of how many like trials one is made, and how many events of each are compared. */
export type Sample = { readonly oneOf: number; readonly events: number };
const EVERYTHING: Sample = { oneOf: 1, events: Infinity };

type Scenario = (
  client: Client,
  recording: Recording,
  front: Front,
  sample: Sample,
) => Promise<Case[]>;

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'bad-batch': badBatch,
  'bad-batch-2': badBatch2,
  'beyond-end': beyondEnd,
  checkpoints,
  'dollar-dollar': dollarDollar,
  'identical-appends': identicalAppends,
  links,
  'live-hidden': liveHidden,
  metadata,
  prefixes,
  'refusals-appends': refusalsAppends,
  'refusals-reads': refusalsReads,
  'refusals-removals': refusalsRemovals,
  repeats,
  resume,
  'resume-checkpoints': resumeCheckpoints,
  services,
  'slow-reader': slowReader,
  'soft-delete': softDelete,
  'start-up': startUp,
};

const tableFormat = z.strictObject({
  notReplayed: z.array(
    z.strictObject({
      scenario: z.string(),
      /** A part of the recording. Default: all. */
      part: z.string().optional(),
      /** Facts of the rows of that part. Default: all rows. */
      rows: z.record(z.string(), z.unknown()).optional(),
      reason: z.string(),
    }),
  ),
  /** Scenarios of which one in so many trials is made. */
  sampled: z.array(
    z.strictObject({
      scenario: z.string(),
      oneOf: z.int().min(2),
      events: z.int().min(1),
      reason: z.string(),
    }),
  ),
  differences: z.array(
    z.strictObject({
      scenario: z.string(),
      /** The beginning of the names of its cases. */
      case: z.string(),
      /** Default: all. */
      versions: z.array(z.string()).optional(),
      reason: z.string(),
    }),
  ),
});
const table = tableFormat.parse(
  JSON.parse(readFileSync(new URL('differences.json', import.meta.url), 'utf8')),
);

/** The rows of the table that a part or a row of a recording belongs to. */
function rowsFor(scenario: string, { part, row }: Unread) {
  return table.notReplayed.filter(
    (one) =>
      one.scenario === scenario &&
      one.part === part &&
      Object.entries(one.rows ?? {}).every(([key, value]) => isSame(value, row[key])),
  );
}

/** Makes the tests of one version. */
export function replays(version: string, like: ServerVersion): void {
  const title = `the recordings of EventStoreDB ${version} [needs TOCSIN_TEST_DATA]`;
  describe.skipIf(!hasRecordings)(title, () => {
    test('are all replayed, or listed with a reason', () => {
      const files = readdirSync(join(recordings ?? '', version)).map((name) =>
        name.replace(/\.json$/, ''),
      );
      const whole = table.notReplayed.filter(({ part }) => part === undefined);
      const known = [...Object.keys(SCENARIOS), ...whole.map(({ scenario }) => scenario)];
      expect(known.toSorted()).toEqual(files.toSorted());
    });

    test.each(Object.entries(SCENARIOS))(
      'of %s get the same answers from the front, but for the listed differences',
      { timeout: LONG_PROOF_MS },
      async (scenario, replay) => {
        const { recording, unread } = readRecording(version, scenario);
        const sample = table.sampled.find((one) => one.scenario === scenario) ?? EVERYTHING;
        const cases = await withFront(like, (client, front) =>
          replay(client, recording, front, sample),
        );
        const rows = table.differences.filter(
          (row) => row.scenario === scenario && (row.versions ?? [version]).includes(version),
        );
        const differing = cases
          .map(({ name, said, got }) => ({ name, said: normalised(said), got: normalised(got) }))
          .filter(({ said, got }) => !isSame(said, got));
        const unlisted = differing.filter(
          ({ name }) => !rows.some((row) => name.startsWith(row.case)),
        );
        expect(unlisted).toEqual([]);
        const untrue = rows.filter(
          (row) => !differing.some(({ name }) => name.startsWith(row.case)),
        );
        expect(untrue).toEqual([]);
        const left = unread();
        expect(left.filter((one) => rowsFor(scenario, one).length === 0)).toEqual([]);
        const used = new Set(left.flatMap((one) => rowsFor(scenario, one)));
        const listed = table.notReplayed.filter((row) => row.scenario === scenario);
        expect(listed.filter((row) => !used.has(row))).toEqual([]);
      },
    );
  });
}

/**
 * A write takes as long as it takes, also on a machine that is busy; what waits for a timeout waits less than two seconds.
 * Those are left to an append in fragments: the recordings have some with a second between them.
 */
const PHASES = { writeMs: 60_000, repeatMs: 300 };

async function withFront(
  like: ServerVersion,
  use: (client: Client, front: Front) => Promise<Case[]>,
): Promise<Case[]> {
  const directory = mkdtempSync(join(tmpdir(), 'tocsin-replay-'));
  const front = await createFront({ file: join(directory, 'events.db'), like, phases: PHASES });
  const client = wireClient(front.port);
  try {
    return await use(client, front);
  } finally {
    client.close();
    await front.close();
    rmSync(directory, { recursive: true });
  }
}
