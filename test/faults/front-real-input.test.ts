// The recorded data set through the front, with the client that production uses.
import { test } from 'vitest';
import { recordedData, recordedThroughTheCommands } from '../support/through-commands.ts';

test.skipIf(recordedData === undefined)(
  'thirteen years of a real project through the front give the same [needs TOCSIN_TEST_DATA]',
  async () => {
    await recordedThroughTheCommands('the front');
  },
);
