// The limit of `front-project`: the official client's own read loop over the same log from the same
// server, and nothing done with the events.
import { EventStoreDBClient } from '@eventstore/db-client';
import type { Measured } from '../support/rounds.ts';

/** Reads the whole log. */
export async function officialReads(url: string): Promise<Measured> {
  const client = EventStoreDBClient.connectionString(url);
  const begun = performance.now();
  let units = 0;
  for await (const { event } of client.readAll()) {
    if (event?.streamId.startsWith('$') === false) units += 1;
  }
  const seconds = (performance.now() - begun) / 1000;
  await client.dispose();
  return { units, seconds };
}
