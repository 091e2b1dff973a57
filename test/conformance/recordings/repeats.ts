// The recordings repeats and identical-appends: what servers answer to appends that were made before.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@grpc/grpc-js';
import { describeAppend, describeBatch, eventsIn } from './answers.ts';
import { objectOf, rowsIn, textIn, type Case, type Recording } from './format.ts';
import { appendInBatch, openBatch, openRead, unary } from './calls.ts';
import {
  anEvent,
  appendMessages,
  encodeOptions,
  encodePart,
  encodeRead,
  ofStream,
  uuidText,
  type Expected,
  type WireEvent,
  type WirePlace,
} from './wire.ts';

type Call = 'BatchAppend' | 'Append';

export async function repeats(client: Client, recording: Recording): Promise<Case[]> {
  const cases: Case[] = [];
  for (const [n, row] of rowsIn(recording['afterCompletion']).entries()) {
    const name = textIn(row, 'append');
    const call: Call = textIn(row, 'how') === 'Append' ? 'Append' : 'BatchAppend';
    const { how: _how, append: _append, ...said } = row;
    cases.push({
      name: `${name} (${call})`,
      said,
      got: await afterCompletion(client, call, name, `repeat-${n}`),
    });
  }
  const soon = rowsIn(recording['soon']);
  cases.push(...(await Promise.all(soon.map((row, n) => soonRepeated(client, row, `soon-${n}`)))));
  return cases;
}

/** A repeat soon after the first append was sent: it is stored once, and each answer is a success or the timeout of a server. */
async function soonRepeated(client: Client, row: Recording, stream: string): Promise<Case> {
  const expected: Expected = textIn(row, 'expected') === 'any' ? 'any' : 'no_stream';
  const how = textIn(row, 'how');
  const afterMs = Number(row['sentMsAfterTheFirstWasSent']);
  const call: Call = how.startsWith('BatchAppend') ? 'BatchAppend' : 'Append';
  const events = [anEvent()];
  const send = (): Promise<unknown> =>
    appended(client, call, stream, expected, events, () => 'of its last event');
  const first = send();
  if (afterMs < 500) await sleep(afterMs);
  else await first;
  const answers = await Promise.all([first, send()]);
  const known = rowsIn(row['first']).map(({ answer }) => withoutTime(answer));
  // No server timed out after half a second.
  const timeouts = afterMs < 500 ? [TIMEOUTS[call === 'BatchAppend' ? 0 : 1]] : [];
  const allowed = new Set([...known, ...timeouts].map((answer) => JSON.stringify(answer)));
  const others = answers.filter((answer) => !allowed.has(JSON.stringify(answer)));
  const { count } = await eventsIn(client, stream);
  return {
    name: `${how}, expecting ${expected}, repeated after ${afterMs} ms`,
    said: { stored: 1, others: [] },
    got: { stored: count, others },
  };
}

function withoutTime(answer: unknown): Recording {
  const { within: _, ...rest } = objectOf(answer);
  return rest;
}

async function afterCompletion(client: Client, call: Call, name: string, stream: string) {
  const events: Record<string, WireEvent> = {
    a: anEvent(),
    b: anEvent(),
    c: anEvent(),
    x: anEvent(),
  };
  const { a, b, c } = events;
  if (a === undefined || b === undefined || c === undefined) throw new Error('three events');
  await appendInBatch(client, stream, 'no_stream', [a]);
  await appendInBatch(client, stream, 0n, [b, c]);
  const [, wanted = '', list = ''] = /^(\S+) \[([^\]]*)\]/.exec(name) ?? [];
  const expected: Expected =
    wanted === 'any' || wanted === 'no_stream' || wanted === 'stream_exists'
      ? wanted
      : BigInt(wanted);
  const isElsewhere = name.endsWith('to another stream');
  const target = isElsewhere ? `${stream}-other` : stream;
  const sent = list.split(', ').flatMap((key) => events[key] ?? []);
  const places = isElsewhere ? [] : await placesOf(client, target);
  let place: WirePlace | undefined;
  const answer = await appended(client, call, target, expected, sent, (given) => {
    place = given;
    return 'given';
  });
  const { success } = answer;
  if (success !== undefined) {
    const now = await placesOf(client, target);
    const at = (isElsewhere ? now : [...places, ...now.slice(places.length)]).findIndex(
      (one) => one === place?.commit,
    );
    const position = isElsewhere ? 'of its last event' : `of revision ${at} of the stream`;
    answer['success'] = { ...objectOf(success), position };
  }
  const { count } = await eventsIn(client, target);
  return { answer: { ...answer, within: 'soon' }, ...(!isElsewhere && { eventsInStream: count }) };
}

async function placesOf(client: Client, stream: string): Promise<bigint[]> {
  const read = openRead(client, encodeRead({ of: ofStream(stream, 'start') }));
  await read.until(() => false, 5_000);
  return read.messages.flatMap((message) => {
    const event = message.getEvent();
    return event === undefined ? [] : [BigInt(event.getCommitPosition())];
  });
}

async function appended(
  client: Client,
  call: Call,
  stream: string,
  expected: Expected,
  events: readonly WireEvent[],
  namePosition: (place: WirePlace | undefined) => unknown,
): Promise<Record<string, unknown>> {
  if (call === 'Append') {
    const result = await unary(client, 'Append', appendMessages(stream, expected, events));
    return describeAppend(result, namePosition);
  }
  return describeBatch(await appendInBatch(client, stream, expected, events), namePosition, '10 s');
}

/**
 * How many of the copies are answered depends on a race. Compared is what does not: they are stored once, and each answer
 * is the success or the timeout of a server.
 */
export async function identicalAppends(client: Client, recording: Recording): Promise<Case[]> {
  const rows = rowsIn(recording['cases']);
  return (
    await Promise.all(rows.map((row, n) => identicalCase(client, row, `identical-${n}`)))
  ).flat();
}

async function identicalCase(client: Client, row: Recording, stream: string): Promise<Case[]> {
  const copies = Number(row['copies']);
  const expected: Expected = textIn(row, 'expected') === 'any' ? 'any' : 'no_stream';
  const how = textIn(row, 'how');
  const isBatch = how.startsWith('BatchAppend');
  const events = [anEvent(), anEvent()];
  const answers = isBatch
    ? await inOneCall(client, copies, stream, expected, events)
    : await Promise.all(
        Array.from({ length: copies }, () =>
          appended(client, 'Append', stream, expected, events, () => 'of its last event'),
        ),
      );
  const kinds = (list: readonly unknown[]): string[] =>
    [...new Set(list.map((answer) => JSON.stringify(answer)))].toSorted();
  const known = rowsIn(row['answers']).map(({ answer }) => withoutTime(answer));
  const allowed = new Set(kinds([...known, TIMEOUTS[isBatch ? 0 : 1]]));
  const { count } = await eventsIn(client, stream);
  const name = `${how}, ${copies} copies, expecting ${expected}`;
  const stored = Array.isArray(row['eventsStored']) ? row['eventsStored'] : [];
  return [
    { name: `${name}: stored`, said: [...new Set(stored)], got: [count] },
    {
      name: `${name}: other answers`,
      said: [],
      got: kinds(answers).filter((answer) => !allowed.has(answer)),
    },
  ];
}

const TIMEOUTS = [
  {
    error: {
      code: 'DEADLINE_EXCEEDED',
      message: 'Timeout',
      details: { type: 'type.googleapis.com/event_store.client.Timeout' },
    },
    expected: 'left out',
  },
  { status: { code: 'ABORTED', details: 'Operation timed out: Commit phase timeout.' } },
];

async function inOneCall(
  client: Client,
  copies: number,
  stream: string,
  expected: Expected,
  events: readonly WireEvent[],
): Promise<Record<string, unknown>[]> {
  const call = openBatch(client);
  for (let n = 0; n < copies; n += 1) {
    const correlation = uuidText(crypto.randomUUID());
    call.send(encodePart({ correlation, options: encodeOptions(stream, expected), events }));
  }
  const answers: Record<string, unknown>[] = [];
  for (let n = 0; n < copies; n += 1) {
    answers.push(
      describeBatch(await call.answer(() => true, 10_000), () => 'of its last event', '10 s'),
    );
  }
  call.cancel();
  return answers;
}
