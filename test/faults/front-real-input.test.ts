// The recorded data set through the front, with the client that production uses.
import { test } from 'vitest';
import { recordedData, recordedThroughTheCommands } from '../support/through-commands.ts';
import { LONG_PROOF_MS } from '../support/timeouts.ts';

test.skipIf(recordedData === undefined)(
  'the front gives the same verdicts for thirteen years of a real project [needs TOCSIN_TEST_DATA]',
  { timeout: LONG_PROOF_MS },
  async () => {
    await recordedThroughTheCommands('the front');
  },
);
