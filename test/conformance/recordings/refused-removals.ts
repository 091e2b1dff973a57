// The recording refusals-removals: Delete and Tombstone.
import type { Client } from '@grpc/grpc-js';
import { field } from '../../../src/adapters/eventstore/wire/protobuf-writer.ts';
import { eventAt, placeIn } from './answers.ts';
import { objectOf, rowsIn, textIn, type Case, type Recording } from './format.ts';
import { expectationIn, layGround } from './ground.ts';
import { appendInBatch, describeStatus, unary } from './calls.ts';
import { anEvent, encodeOptions, fieldsOf, type Expected, type WirePlace } from './wire.ts';

type Method = 'Delete' | 'Tombstone';

export async function refusalsRemovals(client: Client, recording: Recording): Promise<Case[]> {
  await layGround(client);
  const cases: Case[] = [];
  for (const [n, row] of rowsIn(recording['table']).entries()) {
    const method: Method = textIn(row, 'call') === 'Delete' ? 'Delete' : 'Tombstone';
    const { call: _call, case: _case, ...said } = row;
    const name = textIn(row, 'case');
    const got = name.startsWith('two, three times')
      ? await threeTimes(client, method)
      : await once(client, method, name, recordedName(said) ?? `removed-${n}`);
    cases.push({ name: `${method}: ${name}`, said, got });
  }
  return cases;
}

/** A stream's name that an answer repeats. */
function recordedName(said: Recording): string | undefined {
  const { status } = objectOf(said['answer'] ?? {});
  const { trailers } = objectOf(status ?? {});
  const name = objectOf(trailers ?? {})['stream-name'];
  return typeof name === 'string' ? name : undefined;
}

async function threeTimes(client: Client, method: Method): Promise<unknown> {
  const stream = `twice-${method}`;
  await appendTwo(client, stream);
  const answers: unknown[] = [];
  for (const expected of ['any', 'any', 1n] as const) {
    const { answer } = await removal(client, method, stream, expected);
    const isSuccess = 'success' in answer;
    answers.push({ ...answer, ...(isSuccess && { success: { position: 'given' } }) });
  }
  return { answers };
}

async function once(client: Client, method: Method, name: string, fresh: string): Promise<unknown> {
  const { stream, expected } = await target(client, name, fresh);
  const { answer, place } = await removal(client, method, stream, expected, name === 'no options');
  const event = place === undefined ? undefined : await eventAt(client, place);
  if (event === undefined) return { answer };
  const of = Buffer.from(event.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString();
  return {
    answer,
    eventAtThatPosition: {
      stream: of === stream ? 'the stream itself' : of === `$$${stream}` ? '$$ + the stream' : of,
      type: event.getMetadataMap().get('type'),
      revision: event.getStreamRevision(),
      contentType: event.getMetadataMap().get('content-type'),
      data: Buffer.from(event.getData_asU8()).toString(),
      metadata: Buffer.from(event.getCustomMetadata_asU8()).toString(),
    },
  };
}

type Target = { readonly stream: string | undefined; readonly expected: Expected };

/** Makes the stream that a case is about. */
async function target(client: Client, name: string, fresh: string): Promise<Target> {
  const [, wanted] = /expecting (\S+)$/.exec(name) ?? [];
  const expected = name.includes('left out') ? undefined : expectationIn(wanted ?? 'any');
  if (name === 'name left out') return { stream: undefined, expected: 'any' };
  if (name === 'name empty' || name === 'no options') return { stream: '', expected: 'any' };
  if (name.startsWith('name with ü')) return { stream: 'ü', expected };
  if (name.startsWith('$all')) return { stream: '$all', expected };
  if (name.startsWith('tombstoned')) return { stream: 'tombstoned', expected };
  const stream = name.startsWith('$$') ? `$$${fresh}` : fresh;
  if (!name.startsWith('nobody')) await appendTwo(client, stream);
  if (name.startsWith('deleted')) await removal(client, 'Delete', stream, 'any');
  return { stream, expected };
}

function appendTwo(client: Client, stream: string): Promise<unknown> {
  return appendInBatch(client, stream, 'any', [anEvent(), anEvent()]);
}

async function removal(
  client: Client,
  method: Method,
  stream: string | undefined,
  expected: Expected,
  withoutOptions = false,
): Promise<{ readonly answer: Record<string, unknown>; readonly place?: WirePlace }> {
  const request = withoutOptions ? Buffer.alloc(0) : field(1, ...encodeOptions(stream, expected));
  const { bytes, status } = await unary(client, method, [request]);
  if (bytes === undefined) {
    return { answer: { status: describeStatus(status), within: 'soon' } };
  }
  const position = fieldsOf(bytes).get(1);
  if (!(position instanceof Buffer)) return { answer: { success: {}, within: 'soon' } };
  const place = placeIn(position);
  const text = place.commit === place.prepare ? 'commit = prepare' : 'two numbers';
  return { answer: { success: { position: text }, within: 'soon' }, place };
}
