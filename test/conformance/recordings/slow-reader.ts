// The recording slow-reader: a live reader that stops reading while 5,000 events are written. How the messages are cut depends
// on a race; compared is how it ends, and whether the reader is told that it has caught up again.
import type { Client } from '@grpc/grpc-js';
import { objectOf, rowsIn, textIn, type Case, type Recording } from './format.ts';
import { appendInBatch, describeStatus, openRead, quiet } from './calls.ts';
import { anEvent, encodeFilter, encodeRead, ofAll, ofStream } from './wire.ts';

const EVENTS = 5_000;

export async function slowReader(client: Client, recording: Recording): Promise<Case[]> {
  const cases: Case[] = [];
  // Larger windows of HTTP/2 and larger events change the race only.
  for (const row of rowsIn(recording['cases']).slice(0, 6)) {
    const name = `${textIn(row, 'filter')}, ${String(row['dataBytes'])} bytes`;
    cases.push({
      name,
      said: outcomeOf(row),
      got: await slowly(client, row, outcomeOf(row).caughtUpAgain),
    });
  }
  return cases;
}

type Outcome = {
  readonly end?: unknown;
  readonly eventsMissing?: number;
  readonly caughtUpAgain?: boolean;
};

function outcomeOf(row: Recording): Outcome {
  const got = objectOf(row['got']);
  const messages = Array.isArray(got['messages']) ? got['messages'] : [];
  const end = got['end'];
  if (end !== undefined) return { end };
  return { eventsMissing: 0, caughtUpAgain: messages.includes('caughtUp') };
}

async function slowly(
  client: Client,
  row: Recording,
  saysSoAgain: boolean | undefined,
): Promise<unknown> {
  const filter = textIn(row, 'filter');
  const data = JSON.stringify({ text: 'x'.repeat(Number(row['dataBytes'])) });
  const request = filter.startsWith('stream')
    ? encodeRead({ of: ofStream('mine.x', 'end'), subscription: true })
    : encodeRead({
        of: ofAll('end'),
        subscription: true,
        ...(filter.startsWith('prefix') && { filter: encodeFilter({ prefixes: ['mine.'] }) }),
      });
  let events = 0;
  const read = openRead(client, request, (message) => {
    if (message.hasEvent()) events += 1;
  });
  await read.untilCaughtUp();
  read.call.pause();
  for (let n = 0; n < 50; n += 1) {
    await appendInBatch(
      client,
      'mine.x',
      'any',
      Array.from({ length: 100 }, () => anEvent({ data })),
    );
  }
  read.call.resume();
  const again = (): boolean => read.timesCaughtUp() > 1;
  await read.until(() => events >= EVENTS && (again() || saysSoAgain !== true), 60_000);
  await quiet(client);
  const end = read.end();
  read.call.cancel();
  return end === undefined
    ? { eventsMissing: EVENTS - events, caughtUpAgain: again() }
    : { end: describeStatus(end) };
}
