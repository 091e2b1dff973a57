// The recording refusals-appends: what servers refuse to append.
import type { Client } from '@grpc/grpc-js';
import { field, numberField } from '../../../src/adapters/eventstore/wire/protobuf-writer.ts';
import { describeAppend, describeBatch, eventAt, eventsIn } from './answers.ts';
import { objectOf, rowsIn, textIn, type Case, type Recording } from './format.ts';
import { expectationIn, layGround } from './ground.ts';
import { appendInBatch, openBatch, unary } from './calls.ts';
import {
  anEvent,
  appendMessages,
  encodeOptions,
  encodePart,
  uuidStructured,
  uuidText,
  type Expected,
  type WireEvent,
  type WirePlace,
} from './wire.ts';

const MIB = 1024 * 1024;

type AppendPlan = {
  readonly stream: string;
  readonly expected: Expected;
  readonly events: readonly WireEvent[];
};

let sameTwice: WireEvent[] = [];

/** What a row of the table of appends was, for one of the two calls. */
function appendPlan(name: string, row: number, call: string): AppendPlan {
  const [subject = '', ...rest] = name.split(', ');
  const about = rest.join(', ');
  const stream = subject.startsWith('name ')
    ? (NAMES[subject.slice(5)] ?? subject.slice(5))
    : subject === '$$NEW'
      ? `$$new-${row}`
      : subject === 'NEW' || subject === '3,000 events in one append' || name.startsWith('3,000')
        ? `new-${row}-${call}`
        : subject;
  const [, wanted] = /expecting (\S+)$/.exec(name.replace(/, data .*$/, '')) ?? [];
  const expected = about.includes('expectation left out')
    ? undefined
    : expectationIn(wanted ?? 'any');
  return { stream, expected, events: eventsOf(name, about) };
}

const NAMES: Readonly<Record<string, string>> = {
  empty: '',
  'with a space and ü': 'a name with ü',
  'of 2,000 characters': 'n'.repeat(2_000),
};

function eventsOf(name: string, about: string): readonly WireEvent[] {
  const bytes = (text: string): number =>
    text === '600 KiB'
      ? 600 * 1024
      : text === '1 MiB exactly'
        ? MIB
        : text === '1 MiB + 1'
          ? MIB + 1
          : text === '1 MiB - 100'
            ? MIB - 100
            : text === '3 MiB'
              ? 3 * MIB
              : 1.5 * MIB;
  if (name.startsWith('3,000')) return Array.from({ length: 3_000 }, () => anEvent());
  if (about.includes('no events')) return [];
  if (about === 'two events of 600 KiB data') {
    return [1, 2].map(() => anEvent({ data: 'x'.repeat(600 * 1024) }));
  }
  if (about === 'data 600 KiB and metadata 600 KiB') {
    return [anEvent({ data: 'x'.repeat(600 * 1024), metadata: 'x'.repeat(600 * 1024) })];
  }
  if (about === 'no data but a type of 1.5 MiB')
    return [anEvent({ data: '', type: 'T'.repeat(bytes('')) })];
  const [, what, size] = /(?:^|, )(data|metadata) (\d.*)$/.exec(about) ?? [];
  if (what !== undefined && size !== undefined)
    return [anEvent({ [what]: 'x'.repeat(bytes(size)) })];
  if (about === 'the same id twice') {
    const event = anEvent();
    sameTwice = [event, event];
    return sameTwice;
  }
  if (about === 'the same id twice, again') return sameTwice;
  const changes: Readonly<Record<string, WireEvent>> = {
    'type empty': { type: '' },
    'type left out': { type: undefined },
    'content-type left out': { contentType: undefined },
    'content-type text/plain': { contentType: 'text/plain' },
    'data empty, content-type application/json': { data: '' },
    'data not JSON, content-type application/json': { data: 'not JSON' },
    'data not JSON': { data: 'not JSON' },
    'id nil': { id: uuidText('00000000-0000-0000-0000-000000000000') },
    'id structured': { id: uuidStructured(crypto.randomUUID()) },
  };
  return [anEvent(changes[about] ?? {})];
}

export async function refusalsAppends(client: Client, recording: Recording): Promise<Case[]> {
  await layGround(client);
  const cases: Case[] = [];
  const twice = new Map<string, AppendPlan>();
  for (const [row, recorded] of rowsIn(recording['table']).entries()) {
    const name = textIn(recorded, 'append');
    for (const call of ['BatchAppend', 'Append']) {
      const said = objectOf(recorded[call]);
      let plan = appendPlan(name, row, call);
      if (name === 'NEW, the same id twice') twice.set(call, plan);
      if (name === 'NEW, the same id twice, again') plan = twice.get(call) ?? plan;
      const got = await appended(client, call, plan, said);
      cases.push({ name: `${name} (${call})`, said, got });
    }
  }
  for (const recorded of rowsIn(recording['others'])) {
    const name = textIn(recorded, 'case');
    // The client says it without the server.
    if (name === 'Append, gRPC deadline 1 ms') continue;
    cases.push({ name, said: recorded['answer'], got: await otherAppend(client, name) });
  }
  return cases;
}

async function appended(client: Client, call: string, plan: AppendPlan, said: Recording) {
  const { stream, expected, events } = plan;
  let place: WirePlace | undefined;
  const namePosition = (given: WirePlace | undefined): string => {
    place = given;
    return 'given';
  };
  const answer =
    call === 'BatchAppend'
      ? describeBatch(await appendInBatch(client, stream, expected, events), namePosition, '10 s')
      : describeAppend(
          await unary(client, 'Append', appendMessages(stream, expected, events)),
          namePosition,
        );
  const within = { within: 'soon' };
  if (answer['success'] === undefined) return { ...answer, ...within };
  const event = place === undefined ? undefined : await eventAt(client, place);
  const revision = event?.getStreamRevision();
  const isOwn =
    Buffer.from(event?.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString() === stream;
  const position =
    place === undefined
      ? 'noPosition'
      : event === undefined
        ? 'of no event'
        : `of an event: ${isOwn ? 'its own stream' : 'another stream'}, revision ${revision}`;
  const { count, contentType } = await eventsIn(client, stream);
  return {
    ...answer,
    success: { ...objectOf(answer['success']), position },
    ...within,
    eventsInStream: count,
    ...(said['storedContentType'] !== undefined && { storedContentType: contentType }),
  };
}

const GIVEN = (): string => 'of its event';

async function otherAppend(client: Client, name: string): Promise<unknown> {
  const soon = { within: 'soon' };
  const deadline = (ms: number): Buffer => {
    const at = Date.now() + ms;
    return field(6, numberField(1, BigInt(Math.floor(at / 1000))));
  };
  const batch = async (...extra: Buffer[]): Promise<unknown> => ({
    ...describeBatch(
      await appendInBatch(client, `others-${name}`, 'any', [anEvent()], ...extra),
      GIVEN,
      '10 s',
    ),
    ...soon,
  });
  if (name.endsWith('deadline a minute ago')) return batch(deadline(-60_000));
  if (name.endsWith('deadline in 1 ms')) return batch(deadline(-1));
  if (name.endsWith('deadline in 10 min')) return batch(deadline(600_000));
  if (name.startsWith('BatchAppend: first part sent')) {
    return inTwoParts(client, name.includes('3 s later') ? 3_000 : 1_000);
  }
  const messages = appendMessages('others', 'any', [anEvent()]);
  const sent: Readonly<Record<string, readonly Buffer[]>> = {
    'Append: no options message at all': messages.slice(1),
    'Append: nothing sent at all': [],
    'Append: options without stream identifier': appendMessages(undefined, 'any', [anEvent()]),
  };
  return {
    ...describeAppend(await unary(client, 'Append', sent[name] ?? messages), GIVEN),
    ...soon,
  };
}

async function inTwoParts(client: Client, pauseMs: number): Promise<unknown> {
  const call = openBatch(client);
  const stream = `in-parts-${pauseMs}`;
  const correlation = uuidText(crypto.randomUUID());
  const options = encodeOptions(stream, 'any');
  call.send(encodePart({ correlation, options, events: [anEvent()], isFinal: false }));
  const early = await call.answer(() => true, pauseMs);
  call.send(encodePart({ correlation, events: [anEvent()] }));
  const answer = early ?? (await call.answer(() => true, 5_000));
  const { count } = await eventsIn(client, stream);
  const answers = call.answers.length;
  call.cancel();
  return {
    ...(early !== undefined && { answeredBeforeTheLastPart: true }),
    ...describeBatch(answer, GIVEN, '5 s'),
    within: 'soon',
    answers,
    eventsStored: count,
  };
}
