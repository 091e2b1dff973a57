// The recordings start-up and dollar-dollar: a server that starts, and the names `$$` and `$$$`.
import { status, type Client } from '@grpc/grpc-js';
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import type { Front } from '../../../src/adapters/eventstore/front/front.ts';
import { describeAppend, describeBatch, eventsIn } from './answers.ts';
import { appendInBatch, describeStatus, openRead, quiet, unary, wireClient } from './calls.ts';
import { objectOf, rowsIn, textIn, type Case, type Recording } from './format.ts';
import { anEvent, appendMessages, encodeFilter, encodeRead, ofAll, ofStream } from './wire.ts';

/** What was called in a loop while a server started. */
const CALLS: Readonly<Record<string, (client: Client) => Promise<Recording>>> = {
  BatchAppend: async (client) =>
    describeBatch(await appendInBatch(client, 'started', 'any', [anEvent()]), () => '', '10 s'),
  Append: async (client) =>
    describeAppend(
      await unary(client, 'Append', appendMessages('started', 'any', [anEvent()])),
      () => '',
    ),
  'Read $all': (client) => reading(client, encodeRead({ of: ofAll('start') })),
  'Read a stream': (client) => reading(client, encodeRead({ of: ofStream('nobody', 'start') })),
  Subscribe: (client) => {
    const filter = encodeFilter({ prefixes: ['own.'] });
    return reading(client, encodeRead({ of: ofAll('start'), filter, subscription: true }));
  },
};

/** The kinds of its messages, unless it failed. */
async function reading(client: Client, request: Buffer): Promise<Recording> {
  const read = openRead(client, request);
  await read.untilCaughtUp();
  const end = read.end();
  read.call.cancel();
  const kinds = read.messages.map(kindOf);
  if (end === undefined || end.code === status.OK) return { messages: kinds };
  return { messages: kinds, end: describeStatus(end) };
}

function kindOf(message: ReadResp): string {
  const kinds = {
    confirmed: message.hasConfirmation(),
    caughtUp: message.hasCaughtUp(),
    checkpoint: message.hasCheckpoint(),
    streamNotFound: message.hasStreamNotFound(),
  };
  return Object.entries(kinds).find(([, is]) => is)?.[0] ?? 'event';
}

/** The answers in their order: nobody listens, the server is not ready, it is. Which of them a call meets depends on a race. */
export async function startUp(client: Client, recording: Recording, front: Front): Promise<Case[]> {
  const cases: Case[] = [];
  for (const [name, rows] of Object.entries(objectOf(recording['calls']))) {
    const call = CALLS[name];
    if (call === undefined) throw new Error(`a recording has an unknown call: ${name}`);
    for (const row of rowsIn(rows)) {
      const said = objectOf(row['answer']);
      const text = JSON.stringify(said);
      const isRefused = text.includes('ECONNREFUSED');
      const isReady = said['answer'] === 'ok';
      front.setReady(isReady);
      const nobody = isRefused ? wireClient(1) : undefined;
      const got = await call(nobody ?? client);
      nobody?.close();
      front.setReady(true);
      cases.push({
        name: `${name}: ${isRefused ? 'refused' : isReady ? 'ready' : 'not ready'}`,
        said: isRefused ? 'refused' : isReady ? messagesOf(said, said['messages']) : said,
        got: isRefused ? refusal(got) : isReady ? messagesOf(got, said['messages']) : got,
      });
    }
  }
  return cases;
}

function refusal(got: Recording): unknown {
  return JSON.stringify(got).includes('ECONNREFUSED') ? 'refused' : got;
}

/** What an answer of a server that is ready has: the messages, where they are recorded, or nothing that failed. */
function messagesOf(answer: Recording, recorded: unknown): unknown {
  if ('error' in answer || 'status' in answer || 'end' in answer) return answer;
  return recorded === undefined ? 'ok' : answer['messages'];
}

/** Appends to `$$` and `$$$`, and what a server that is not ended by them answers afterwards. */
export async function dollarDollar(client: Client, recording: Recording): Promise<Case[]> {
  const cases: Case[] = [];
  for (const [n, row] of rowsIn(recording['cases']).entries()) {
    const name = textIn(row, 'append');
    const how = textIn(row, 'how');
    const stream = /"(\$+)"/.exec(name)?.[1] ?? '';
    const read = openRead(client, encodeRead({ of: ofAll('end'), subscription: true }));
    await read.untilCaughtUp();
    // The recorder had a server of its own for each case.
    const { count } = await eventsIn(client, stream);
    const got = {
      answer: await appendWith(client, how, stream, count),
      appendOneSecondLater: await appendWith(client, how, `later-${n}`, 0),
    };
    await quiet(client);
    const goesOn = read.end() === undefined;
    read.call.cancel();
    const { answer, appendOneSecondLater, processEnded, liveSubscription } = row;
    cases.push({
      name: `${name} (${how})`,
      said: { answer, appendOneSecondLater, processEnded, liveSubscription },
      got: {
        ...got,
        processEnded: 'not within 15 s',
        liveSubscription: goesOn ? 'goes on' : 'ended',
      },
    });
  }
  return cases;
}

/** @param before the events that the stream had; the revision is told without them */
async function appendWith(
  client: Client,
  how: string,
  stream: string,
  before: number,
): Promise<unknown> {
  const given = (): string => 'given';
  const answer =
    how === 'BatchAppend'
      ? describeBatch(await appendInBatch(client, stream, 'any', [anEvent()]), given, '10 s')
      : describeAppend(
          await unary(client, 'Append', appendMessages(stream, 'any', [anEvent()])),
          given,
        );
  const within = 'soon';
  if (answer['success'] === undefined) return { ...answer, within };
  const success = objectOf(answer['success']);
  const revision = String(Number(success['revision']) - before);
  return { ...answer, success: { ...success, revision }, within };
}
