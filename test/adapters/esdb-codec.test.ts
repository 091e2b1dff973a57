// Compares the adapter's own encoding and decoding with the generated classes of the protocol.
import fc from 'fast-check';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { describe, expect, test } from 'vitest';
import type {
  AppendRequest,
  EncodedEvent,
} from '../../src/adapters/eventstore/common/append-request.ts';
import { NO_STREAM } from '../../src/adapters/eventstore/common/revisions.ts';
import { answerOf, readReply } from '../../src/adapters/eventstore/esdb/append-answers.ts';
import { appendMessages } from '../../src/adapters/eventstore/esdb/append-messages.ts';
import {
  logRead,
  logSubscription,
  streamRead,
} from '../../src/adapters/eventstore/esdb/requests.ts';
import { decodeReadAnswer } from '../../src/adapters/eventstore/esdb/read-answers.ts';
import { parseJson } from '../../src/domain/core/json.ts';
import { identifier, uuid } from './front.support.ts';

const id = '0f3c1b1e-6f2d-4c43-9a3e-0123456789ab';
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 });
const revision = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const place = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });

const encoded: fc.Arbitrary<EncodedEvent> = fc
  .record({
    id: fc.uuid(),
    type: text,
    isJson: fc.boolean(),
    data: fc.oneof(text, fc.uint8Array({ maxLength: 500 })),
    metadata: fc.oneof(text, fc.uint8Array({ maxLength: 20 })),
  })
  .map((event) => ({ ...event, bytes: event.data.length + event.metadata.length }));

const request: fc.Arbitrary<AppendRequest> = fc.record({
  stream: text,
  expected: fc.oneof(fc.constant(NO_STREAM), revision),
  events: fc.array(encoded, { maxLength: 5 }),
});

describe('appendMessages and readReply', () => {
  test('encode appends as the generated classes decode them', () => {
    fc.assert(
      fc.property(request, (append) => {
        const [message = Buffer.alloc(0), ...more] = appendMessages(id, append);
        expect(more).toEqual([]);
        const read = streams.BatchAppendReq.deserializeBinary(new Uint8Array(message));
        expect(read.getCorrelationId()?.getString()).toBe(id);
        expect(read.getIsFinal()).toBe(true);
        const options = read.getOptions();
        const name = options?.getStreamIdentifier()?.getStreamName_asU8() ?? [];
        expect(Buffer.from(name).toString()).toBe(append.stream);
        if (append.expected === NO_STREAM) expect(options?.hasNoStream()).toBe(true);
        else expect(options?.getStreamPosition()).toBe(String(append.expected));
        const events = read.getProposedMessagesList();
        expect(events).toHaveLength(append.events.length);
        for (const [i, event] of append.events.entries()) {
          expect(events[i]?.getId()?.getString()).toBe(event.id);
          expect(Object.fromEntries(events[i]?.getMetadataMap().toObject() ?? [])).toEqual({
            type: event.type,
            'content-type': event.isJson ? 'application/json' : 'application/octet-stream',
          });
          const parts = [events[i]?.getData_asU8(), events[i]?.getCustomMetadata_asU8()];
          expect(parts.map((part) => Buffer.from(part ?? []))).toEqual(
            [event.data, event.metadata].map((part) => Buffer.from(part)),
          );
        }
      }),
    );
  });

  test('split a large append into parts of which the last is final', () => {
    const data = 'x'.repeat(400_000);
    const event = { id, type: 't', isJson: true, data, metadata: '{}', bytes: data.length + 3 };
    const events = Array.from({ length: 6 }, () => event);
    const parts = appendMessages(id, { stream: 's', expected: 3n, events }).map((part) =>
      streams.BatchAppendReq.deserializeBinary(new Uint8Array(part)),
    );
    expect(parts.map((part) => part.getProposedMessagesList().length)).toEqual([2, 2, 2]);
    expect(parts.map((part) => part.getIsFinal())).toEqual([false, false, true]);
    expect(parts.map((part) => part.hasOptions())).toEqual([true, false, false]);
    for (const part of parts) expect(part.getCorrelationId()?.getString()).toBe(id);
  });

  test('decode answers as the generated classes encode them', () => {
    const one: AppendRequest = {
      stream: 's',
      expected: NO_STREAM,
      events: [{ id, type: 't', isJson: true, data: '{}', metadata: '{}', bytes: 5 }],
    };
    fc.assert(
      fc.property(revision, place, (last, commit) => {
        const success = new streams.BatchAppendResp.Success();
        success.setCurrentRevision(String(last));
        success.setPosition(newPosition(commit));
        const answer = new streams.BatchAppendResp();
        answer.setCorrelationId(uuid(id));
        answer.setStreamIdentifier(identifier('s'));
        answer.setSuccess(success);
        const reply = readReply(Buffer.from(answer.serializeBinary()));
        expect(reply.id).toBe(id);
        expect(answerOf(one, reply)).toEqual({
          outcome: 'appended',
          revision: last,
          position: { commit, prepare: commit },
        });
      }),
    );
    expect(() => readReply(Buffer.from([0x0a, 0x7f]))).toThrow('cut off');
  });
});

describe('decodeReadAnswer', () => {
  test('decodes events as the generated classes encode them', () => {
    fc.assert(
      fc.property(text, text, revision, place, fc.jsonValue(), (stream, type, number, at, data) => {
        const recorded = new streams.ReadResp.ReadEvent.RecordedEvent();
        recorded.setId(uuid(id));
        recorded.setStreamIdentifier(identifier(stream));
        recorded.setStreamRevision(String(number));
        recorded.setCommitPosition(String(at));
        recorded.setPreparePosition(String(at));
        const facts = recorded.getMetadataMap();
        facts.set('created', '17000000000000000').set('type', type);
        facts.set('content-type', 'application/json');
        recorded.setData(Buffer.from(JSON.stringify(data)));
        recorded.setCustomMetadata(Buffer.from('{"a":1}'));
        const event = new streams.ReadResp.ReadEvent();
        event.setEvent(recorded);
        event.setCommitPosition(String(at));
        const answer = new streams.ReadResp();
        answer.setEvent(event);
        expect(decodeReadAnswer(Buffer.from(answer.serializeBinary()))).toMatchObject({
          kind: 'event',
          event: {
            id,
            stream,
            type,
            revision: number,
            position: { commit: at, prepare: at },
            data: parseJson(JSON.stringify(data)),
            metadata: { a: 1 },
          },
        });
      }),
    );
  });

  test('distinguishes the kinds of answers and returns no unknown position', () => {
    const answer = new streams.ReadResp();
    answer.setCaughtUp(new streams.ReadResp.CaughtUp());
    expect(decodeReadAnswer(Buffer.from(answer.serializeBinary()))).toEqual({ kind: 'caughtUp' });
    const missing = new streams.ReadResp.StreamNotFound();
    missing.setStreamIdentifier(identifier('s'));
    answer.setStreamNotFound(missing);
    expect(decodeReadAnswer(Buffer.from(answer.serializeBinary()))).toEqual({ kind: 'other' });
    const checkpoint = new streams.ReadResp.Checkpoint();
    checkpoint.setCommitPosition(String(2n ** 64n - 1n));
    checkpoint.setPreparePosition(String(2n ** 64n - 1n));
    answer.setCheckpoint(checkpoint);
    expect(decodeReadAnswer(Buffer.from(answer.serializeBinary()))).toEqual({ kind: 'checkpoint' });
    expect(() => decodeReadAnswer(Buffer.from([0x0a, 5, 1]))).toThrow('cut off');
  });
});

function newPosition(commit: bigint): InstanceType<typeof shared.AllStreamPosition> {
  const position = new shared.AllStreamPosition();
  position.setCommitPosition(String(commit));
  position.setPreparePosition(String(commit));
  return position;
}

describe('requests of reads', () => {
  const optionsIn = (bytes: Buffer) =>
    streams.ReadReq.deserializeBinary(new Uint8Array(bytes)).getOptions();
  const { FORWARDS, BACKWARDS } = streams.ReadReq.Options.ReadDirection;

  test('of a stream are decoded by the generated classes as written', () => {
    fc.assert(
      fc.property(text, revision, fc.integer({ min: 1 }), (stream, from, count) => {
        const options = optionsIn(streamRead(stream, 'backwards', from, count));
        const source = options?.getStream();
        const name = source?.getStreamIdentifier()?.getStreamName_asU8() ?? [];
        expect(Buffer.from(name).toString()).toBe(stream);
        expect(source?.getRevision()).toBe(String(from));
        expect(options?.getReadDirection()).toBe(BACKWARDS);
        expect(options?.getCount()).toBe(String(count));
        expect(options?.hasNoFilter()).toBe(true);
        expect(options?.getUuidOption()?.hasString()).toBe(true);
      }),
    );
    expect(
      optionsIn(streamRead('s', 'forwards', 'start', 1))
        ?.getStream()
        ?.hasStart(),
    ).toBe(true);
    expect(
      optionsIn(streamRead('s', 'backwards', 'end', 1))
        ?.getStream()
        ?.hasEnd(),
    ).toBe(true);
  });

  test('of the log are decoded by the generated classes as written', () => {
    fc.assert(
      fc.property(
        fc.array(text, { minLength: 1 }),
        revision,
        revision,
        (prefixes, commit, prepare) => {
          const options = optionsIn(logRead('forwards', { commit, prepare }, prefixes, Infinity));
          const position = options?.getAll()?.getPosition();
          expect(position?.getCommitPosition()).toBe(String(commit));
          expect(position?.getPreparePosition()).toBe(String(prepare));
          expect(options?.getFilter()?.getStreamIdentifier()?.getPrefixList()).toEqual(prefixes);
          expect(options?.getFilter()?.getMax()).toBe(512);
          expect(options?.getFilter()?.getCheckpointintervalmultiplier()).toBe(2);
          expect(options?.getReadDirection()).toBe(FORWARDS);
          expect(options?.getCount()).toBe(String(Number.MAX_SAFE_INTEGER));
          expect(options?.hasSubscription()).toBe(false);
        },
      ),
    );
    const all = optionsIn(logRead('backwards', 'end', ['a', ''], 5));
    expect(all?.hasNoFilter()).toBe(true);
    expect(all?.getAll()?.hasEnd()).toBe(true);
  });

  test('of a subscription are decoded by the generated classes as written', () => {
    const options = optionsIn(logSubscription('start', ['a-']));
    expect(options?.hasSubscription()).toBe(true);
    expect(options?.hasCount()).toBe(false);
    expect(options?.getAll()?.hasStart()).toBe(true);
    expect(options?.getFilter()?.getStreamIdentifier()?.getPrefixList()).toEqual(['a-']);
  });
});
