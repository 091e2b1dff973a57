// The recordings bad-batch and bad-batch-2: bad requests among good ones on one BatchAppend call.
import type { Client, StatusObject } from '@grpc/grpc-js';
import type { BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import { field, numberField } from '../../../src/adapters/eventstore/wire/protobuf-writer.ts';
import { describeBatch, eventsIn } from './answers.ts';
import { rowsIn, textIn, type Case, type Recording } from './format.ts';
import { openBatch, type BatchCall } from './calls.ts';
import { anEvent, encodeOptions, encodePart, uuidStructured, uuidText } from './wire.ts';

const NIL = '00000000-0000-0000-0000-000000000000';
const GIVEN = (): string => 'of its last event';

/** A good append of one event to a stream of its own. */
function good(call: BatchCall, stream: string): string {
  const id = crypto.randomUUID();
  const options = encodeOptions(stream, 'any');
  call.send(encodePart({ correlation: uuidText(id), options, events: [anEvent()] }));
  return id;
}

const isFor =
  (id: string) =>
  (answer: BatchAppendResp): boolean =>
    answer.getCorrelationId()?.getString() === id;

async function answerTo(
  call: BatchCall,
  fits: (answer: BatchAppendResp) => boolean,
  text: string,
  recorded?: unknown,
) {
  const answer = await call.answer(fits, patienceFor(recorded));
  return said(answer, text);
}

/** How long to wait for what a server answered, or did not answer. Other appends on the call are answered meanwhile. */
function patienceFor(recorded: unknown): number {
  const isSilent =
    typeof recorded === 'object' && recorded !== null && 'noAnswerWithin' in recorded;
  return isSilent ? 500 : 60_000;
}

function said(answer: BatchAppendResp | StatusObject | undefined, noAnswer: string) {
  const described = describeBatch(answer, GIVEN, noAnswer);
  const isTimeout = described['correlationIdIs'] === 'structured' && 'error' in described;
  return answer === undefined ? described : { ...described, within: isTimeout ? '<2.5 s' : 'soon' };
}

/** The bytes of a bad request, for its stream and correlation id. */
type Bad = (stream: string, id: string) => readonly Buffer[];

const part = (
  stream: string | Uint8Array | undefined,
  id: Buffer | undefined,
  event: Parameters<typeof anEvent>[0] = {},
): Buffer =>
  encodePart({ correlation: id, options: encodeOptions(stream, 'any'), events: [anEvent(event)] });

const event =
  (change: Parameters<typeof anEvent>[0]): Bad =>
  (stream, id) => [part(stream, uuidText(id), change)];

const BAD: Readonly<Record<string, Bad>> = {
  'event id nil UUID (text)': event({ id: uuidText(NIL) }),
  'event id nil UUID (structured)': event({ id: uuidStructured(NIL) }),
  'event id "not-a-uuid"': event({ id: uuidText('not-a-uuid') }),
  'event id empty text': event({ id: uuidText('') }),
  'event id left out': event({ id: undefined }),
  'second event of two: id "not-a-uuid"': (stream, id) => [
    encodePart({
      correlation: uuidText(id),
      options: encodeOptions(stream, 'any'),
      events: [anEvent(), anEvent({ id: uuidText('not-a-uuid') })],
    }),
  ],
  'type left out': event({ type: undefined }),
  'type empty': event({ type: '' }),
  'content-type left out': event({ contentType: undefined }),
  'content-type text/plain': event({ contentType: 'text/plain' }),
  'stream left out': (_, id) => [part(undefined, uuidText(id))],
  'stream empty': (_, id) => [part('', uuidText(id))],
  'stream not UTF-8 (ff fe)': (_, id) => [part(Uint8Array.from([0xff, 0xfe]), uuidText(id))],
  'expected left out': (stream, id) => [expecting(stream, id, undefined)],
  'expected revision 2^63': (stream, id) => [expecting(stream, id, 2n ** 63n)],
  'expected revision 2^64-1': (stream, id) => [expecting(stream, id, 2n ** 64n - 1n)],
  'no events, final': (stream, id) => [
    encodePart({ correlation: uuidText(id), options: encodeOptions(stream, 'any') }),
  ],
  'options left out, final': (_, id) => [
    encodePart({ correlation: uuidText(id), events: [anEvent()] }),
  ],
  'correlation id left out': (stream) => [part(stream, undefined)],
  'correlation id nil UUID': (stream) => [part(stream, uuidText(NIL))],
  'correlation id "not-a-uuid"': (stream) => [part(stream, uuidText('not-a-uuid'))],
  'correlation id empty text': (stream) => [part(stream, uuidText(''))],
  'deadline in the past': (stream, id) => [timed(stream, id, 6, 1n)],
  'bytes that are no message (ff ff ff)': () => [Buffer.from([0xff, 0xff, 0xff])],
  'empty message': () => [Buffer.alloc(0)],
  'too big (2 MiB of data)': event({ data: 'x'.repeat(2 * 1024 * 1024) }),
  'first part only, never final': (stream, id) => [
    encodePart({
      correlation: uuidText(id),
      options: encodeOptions(stream, 'any'),
      events: [anEvent()],
      isFinal: false,
    }),
  ],
  'options a second time for a correlation id not yet final': (stream, id) =>
    [false, true].map((isFinal) =>
      encodePart({
        correlation: uuidText(id),
        options: encodeOptions(stream, 'any'),
        events: [anEvent()],
        isFinal,
      }),
    ),
};

function expecting(stream: string, id: string, expected: bigint | undefined): Buffer {
  const options = encodeOptions(stream, expected);
  return encodePart({ correlation: uuidText(id), options, events: [anEvent()] });
}

/** With a deadline: field 6 is a time, field 7 a duration. */
function timed(stream: string, id: string, number: 6 | 7, seconds: bigint, nanos?: bigint): Buffer {
  const time = field(
    number,
    numberField(1, seconds),
    ...(nanos === undefined ? [] : [numberField(2, nanos)]),
  );
  const options = encodeOptions(stream, 'any', time);
  return encodePart({ correlation: uuidText(id), options, events: [anEvent()] });
}

export async function badBatch(client: Client, recording: Recording): Promise<Case[]> {
  const rows = rowsIn(recording['cases']);
  return Promise.all(
    rows.map(async (row, n): Promise<Case> => {
      const name = textIn(row, 'bad');
      const { bad: _, ...recorded } = row;
      return { name, said: recorded, got: await badCase(client, recorded, BAD[name], `bad-${n}`) };
    }),
  );
}

async function badCase(
  client: Client,
  recorded: Recording,
  bad: Bad | undefined,
  stream: string,
): Promise<unknown> {
  if (bad === undefined) return 'unknown case';
  const call = openBatch(client);
  const before = good(call, `${stream}-before`);
  const sentBeforeAndAnswered = await answerTo(call, isFor(before), '4 s');
  const id = crypto.randomUUID();
  const justBefore = good(call, `${stream}-just-before`);
  // Answered first: a call that ends loses what is under way.
  const sentJustBefore = await answerTo(call, isFor(justBefore), '4 s');
  for (const bytes of bad(stream, id)) call.send(bytes);
  const justAfter = good(call, `${stream}-just-after`);
  const known = new Set<string>([before, justBefore, justAfter]);
  const structured = (answer: BatchAppendResp): boolean =>
    answer.getCorrelationId()?.hasStructured() === true;
  const [answer, sentJustAfter] = await Promise.all([
    answerTo(call, (one) => isFor(id)(one) || structured(one), '4 s', recorded['answer']),
    answerTo(call, isFor(justAfter), '4 s', recorded['sentJustAfter']),
  ]);
  const others = call.answers.filter((one) => {
    const text = one.getCorrelationId()?.getString() ?? '';
    return !known.has(text) && text !== id && !structured(one);
  });
  const later = call.end() === undefined ? good(call, `${stream}-later`) : undefined;
  const sentAfter =
    later === undefined
      ? 'not sent, the call had ended'
      : await answerTo(call, isFor(later), '4 s', recorded['sentAfterItsAnswerOr4s']);
  const { count } = await eventsIn(client, stream);
  const end = call.end();
  call.cancel();
  const fresh = openBatch(client);
  const afterwards = await answerTo(fresh, isFor(good(fresh, `${stream}-new`)), '4 s');
  fresh.cancel();
  return {
    answer,
    ...(others.length > 0 && {
      answersWithOtherCorrelationIds: others.map((one) => {
        const { within: _, ...described } = said(one, '');
        return { correlationId: nameOfId(one), answer: described };
      }),
    }),
    badEventsStored: count,
    sentBeforeAndAnswered,
    sentJustBefore,
    sentJustAfter,
    sentAfterItsAnswerOr4s: sentAfter,
    callStillOpen: end === undefined,
    appendOnANewCall: afterwards,
  };
}

function nameOfId(answer: BatchAppendResp): string {
  const id = answer.getCorrelationId();
  if (id === undefined || (!id.hasString() && !id.hasStructured())) return 'left out';
  return id.getString() === '' ? 'empty' : id.getString();
}

const DAY = 86_400n;
const now = (): bigint => BigInt(Math.floor(Date.now() / 1000));

/** Deadlines, from the description of a request. */
const DEADLINES: Readonly<Record<string, () => readonly [6 | 7, bigint, bigint?]>> = {
  'deadline (time) in 30 days': () => [6, now() + 30n * DAY],
  'deadline (time) in 60 days': () => [6, now() + 60n * DAY],
  'deadline (time) in the year 9999': () => [6, 253_402_300_000n],
  'deadline (time) beyond the year 9999': () => [6, 253_402_300_801n],
  'deadline (time) of 2^62 seconds': () => [6, 2n ** 62n],
  'deadline (time) of -1 second': () => [6, -1n],
  'deadline (time) with negative nanoseconds': () => [6, now() + DAY, -1n],
  'deadline (duration) 10 s': () => [7, 10n],
  'deadline (duration) 0 s': () => [7, 0n],
  'deadline (duration) -1 s': () => [7, -1n],
  'deadline (duration) 60 days': () => [7, 60n * DAY],
  'deadline (duration) 2^62 s': () => [7, 2n ** 62n],
};

/** The deadlines, the forms of ids, and correlation ids that are used again. */
export async function badBatch2(client: Client, recording: Recording): Promise<Case[]> {
  return Promise.all(
    rowsIn(recording['cases']).flatMap((row, n) => {
      const name = textIn(row, 'sent');
      const parts = partsNamed(name, `odd-${n}`);
      if (parts === undefined) return [repeatedId(client, row, name, `repeated-${n}`)];
      return [oddCase(client, row, name, parts)];
    }),
  );
}

/** What is sent first in the cases that use its correlation id again for a good append. */
const BEFORE: Readonly<Record<string, Bad>> = {
  'malformed event id, then a good append with the same correlation id': event({
    id: uuidText('not-a-uuid'),
  }),
  'nil event id, then a good append with the same correlation id': event({ id: uuidText(NIL) }),
  'a good append, then another with the same correlation id after its answer': event({}),
  'the first part of two with a malformed id, 3 s, then a good append with the same correlation id':
    (stream, id) => [unfinished(stream, id, { id: uuidText('not-a-uuid') })],
  'a part never final, answered after its 2 s, then a good append with the same correlation id': (
    stream,
    id,
  ) => [unfinished(stream, id, {})],
};

function unfinished(stream: string, id: string, change: Parameters<typeof anEvent>[0]): Buffer {
  const options = encodeOptions(stream, 'any');
  const events = [anEvent(change)];
  return encodePart({ correlation: uuidText(id), options, events, isFinal: false });
}

/** A good append whose correlation id an earlier request had, and two appends behind it. */
async function repeatedId(
  client: Client,
  row: Recording,
  name: string,
  stream: string,
): Promise<Case> {
  const call = openBatch(client);
  const id = crypto.randomUUID();
  for (const bytes of BEFORE[name]?.(`${stream}-before`, id) ?? []) call.send(bytes);
  // Some get no answer; the recorder waited three seconds.
  await call.answer(() => true, 3_000);
  const earlier = new Set(call.answers);
  call.send(part(stream, uuidText(id)));
  const justAfter = good(call, `${stream}-just-after`);
  const isNew = (answer: BatchAppendResp): boolean => !earlier.has(answer) && isFor(id)(answer);
  const answer = await answerTo(call, isNew, '5 s');
  const sentJustAfter = await answerTo(call, isFor(justAfter), '5 s');
  const sentLater = await answerTo(call, isFor(good(call, `${stream}-later`)), '5 s');
  call.cancel();
  const { sent: _, ...recorded } = row;
  return { name, said: recorded, got: { answer, sentJustAfter, sentLater } };
}

async function oddCase(client: Client, row: Recording, name: string, bytes: Buffer): Promise<Case> {
  const call = openBatch(client);
  call.send(bytes);
  const got = await answerTo(call, () => true, '5 s', row['answeredAs'] ?? row['answer']);
  call.cancel();
  const answered = row['answeredAs'];
  // Ids in other forms come back as they were sent; the recorder looked for the plain form.
  if (answered !== undefined) {
    const [first] = rowsIn(answered);
    return { name, said: first?.['answer'], got: { ...got, within: undefined } };
  }
  return { name, said: row['answer'], got };
}

function partsNamed(name: string, stream: string): Buffer | undefined {
  const id = crypto.randomUUID();
  const deadline = DEADLINES[name]?.();
  if (deadline !== undefined) return timed(stream, id, ...deadline);
  const forms: Readonly<Record<string, () => Buffer>> = {
    'a later part of an append that is not under way': () =>
      encodePart({ correlation: uuidText(id), events: [anEvent()] }),
    'correlation id in capitals': () => part(stream, uuidText(id.toUpperCase())),
    'correlation id structured': () => part(stream, uuidStructured(id)),
    'correlation id in braces': () => part(stream, uuidText(`{${id}}`)),
    'event id in capitals': () =>
      part(stream, uuidText(id), { id: uuidText(crypto.randomUUID().toUpperCase()) }),
    'event id without dashes': () =>
      part(stream, uuidText(id), { id: uuidText(crypto.randomUUID().replaceAll('-', '')) }),
  };
  return forms[name]?.();
}
