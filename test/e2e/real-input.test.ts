// Whole files through the command line and a real NATS server: all counts and the messages in JetStream must
// equal the values of an oracle.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { z } from 'zod';
import {
  recordedData,
  recordedThroughTheCommands,
  STORES,
  throughTheCommands,
} from '../support/through-commands.ts';
import { LONG_PROOF_MS, SLOW_TEST_MS } from '../support/timeouts.ts';

const SmallSchema = z.object({
  read: z.int(),
  raised: z.int(),
  duplicates: z.int(),
  conflicts: z.int(),
  published: z.int(),
  suppressed: z.int(),
  mockTriggers: z.int(),
  mockNotifications: z.int(),
  dedupe_keys_sha256: z.string(),
});

test.each(STORES)(
  'the small data set through %s gives the counts of its oracle once',
  { timeout: SLOW_TEST_MS },
  async (store) => {
    const here = join(import.meta.dirname, '..', 'data');
    const small = SmallSchema.parse(
      JSON.parse(readFileSync(join(here, 'small.expected.json'), 'utf8')),
    );
    const answer = {
      ...small,
      messages: {
        'active_schedule.triggered': small.raised - small.mockTriggers,
        'mock.active_schedule.triggered': small.mockTriggers,
        'notification.feishu.requested': small.published - small.mockNotifications,
        'mock.notification.feishu.requested': small.mockNotifications,
      },
      digest: small.dedupe_keys_sha256,
    };
    await throughTheCommands(store, join(here, 'small.ndjson'), answer, 'call');
  },
);

test.skipIf(recordedData === undefined)(
  'thirteen years of a real project give the exact counts and digest [needs TOCSIN_TEST_DATA]',
  { timeout: LONG_PROOF_MS },
  async () => {
    await recordedThroughTheCommands('the embedded store');
  },
);
