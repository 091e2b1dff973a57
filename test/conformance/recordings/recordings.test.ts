// Replays what real servers were asked, and compares the front's answers with theirs, case by case. What stays different is
// listed in differences.json with its reason, and the test fails when the list is not true.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { aFront } from '../../adapters/front.support.ts';
import { LONG_PROOF_MS } from '../../support/timeouts.ts';
import { badBatch, badBatch2 } from './bad-batch.ts';
import {
  hasRecordings,
  isSame,
  normalised,
  readRecording,
  recordings,
  VERSIONS,
  type Case,
  type Recording,
} from './format.ts';
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

type Scenario = (client: Client, recording: Recording) => Promise<Case[]>;

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'bad-batch': badBatch,
  'bad-batch-2': badBatch2,
  'beyond-end': beyondEnd,
  checkpoints,
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
};

const tableFormat = z.strictObject({
  notReplayed: z.array(z.strictObject({ scenario: z.string(), reason: z.string() })),
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

const runs = VERSIONS.flatMap(([version, like]) =>
  Object.entries(SCENARIOS).map(([scenario, replay]) => ({ version, like, scenario, replay })),
);

describe.skipIf(!hasRecordings)('the recordings of real servers [needs TOCSIN_TEST_DATA]', () => {
  test.each(VERSIONS)('of EventStoreDB %s are all replayed, or listed with a reason', (version) => {
    const files = readdirSync(join(recordings ?? '', version)).map((name) =>
      name.replace(/\.json$/, ''),
    );
    const known = [...Object.keys(SCENARIOS), ...table.notReplayed.map(({ scenario }) => scenario)];
    expect(known.toSorted()).toEqual(files.toSorted());
  });

  test.each(runs)(
    'of $scenario get the answers of EventStoreDB $version, but for the listed differences',
    { timeout: LONG_PROOF_MS },
    async ({ version, like, scenario, replay }) => {
      const front = await aFront({ like });
      const client = wireClient(front.port);
      const cases = await replay(client, readRecording(version, scenario));
      client.close();
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
      const untrue = rows.filter((row) => !differing.some(({ name }) => name.startsWith(row.case)));
      expect(untrue).toEqual([]);
    },
  );
});
