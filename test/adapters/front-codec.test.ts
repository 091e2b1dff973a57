// Compares the front's own encoding and decoding with the generated classes of the protocol.
import fc from 'fast-check';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { describe, expect, test } from 'vitest';
import {
  decodeAppend,
  decodeFragment,
} from '../../src/adapters/eventstore/front/append-messages.ts';
import { eventMessage } from '../../src/adapters/eventstore/front/event-frames.ts';
import type { StoredEvent } from '../../src/adapters/eventstore/embedded/rows.ts';
import { identifier, uuid } from './front.support.ts';

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const text = fc.oneof(fc.string(), fc.string({ unit: 'binary', maxLength: 300 }));
const bytes = fc
  .oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 100, maxLength: 20_000 }))
  .map((array) => Buffer.from(array));

const storedEvent: fc.Arbitrary<StoredEvent> = fc.record({
  position: number,
  stream: text,
  revision: number,
  id: fc.uuid(),
  type: text,
  created: fc.integer({ min: 1, max: 4_000_000_000_000 }),
  isJson: fc.boolean(),
  data: bytes,
  metadata: bytes,
});

describe('eventMessage', () => {
  test('encodes events as the generated classes decode them', () => {
    fc.assert(
      fc.property(
        fc.option(storedEvent, { nil: undefined }),
        fc.option(storedEvent, { nil: undefined }),
        number,
        fc.constantFrom('text', 'halves'),
        (event, link, position, form) => {
          const message = eventMessage({ event, link, position }, form);
          const read = streams.ReadResp.deserializeBinary(new Uint8Array(message)).getEvent();
          expect(read?.getCommitPosition()).toBe(String(position));
          for (const [stored, got] of [
            [event, read?.getEvent()],
            [link, read?.getLink()],
          ] as const) {
            if (stored === undefined) {
              expect(got).toBeUndefined();
              continue;
            }
            expect(
              Buffer.from(got?.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString(),
            ).toBe(stored.stream);
            // The last one there can be stands for the end of a stream, which is larger on the wire.
            const isLast = stored.revision === Number.MAX_SAFE_INTEGER;
            expect(got?.getStreamRevision()).toBe(
              String(isLast ? 2n ** 63n - 1n : stored.revision),
            );
            expect(got?.getCommitPosition()).toBe(String(stored.position));
            expect(got?.getPreparePosition()).toBe(String(stored.position));
            expect(Object.fromEntries(got?.getMetadataMap().toObject() ?? [])).toEqual({
              type: stored.type,
              'content-type': stored.isJson ? 'application/json' : 'application/octet-stream',
              created: String(BigInt(stored.created) * 10_000n),
            });
            expect(Buffer.from(got?.getData_asU8() ?? []).equals(stored.data)).toBe(true);
            expect(Buffer.from(got?.getCustomMetadata_asU8() ?? []).equals(stored.metadata)).toBe(
              true,
            );
            if (form === 'text') expect(got?.getId()?.getString()).toBe(stored.id);
            else expect(got?.getId()?.hasStructured()).toBe(true);
          }
        },
      ),
    );
  });
});

const proposed = fc.record({
  id: fc.uuid(),
  entries: fc.dictionary(fc.constantFrom('type', 'content-type', 'other', ''), text, {
    noNullPrototype: true,
  }),
  data: bytes,
  metadata: bytes,
});

describe('decodeAppend and decodeFragment', () => {
  test('decode appends as the generated classes encode them', () => {
    fc.assert(
      fc.property(
        fc.uuid(),
        fc.option(fc.tuple(text, fc.bigInt(0n, 2n ** 64n - 1n)), { nil: undefined }),
        fc.array(proposed, { maxLength: 3 }),
        fc.boolean(),
        (id, options, events, isFinal) => {
          const request = new streams.BatchAppendReq();
          request.setCorrelationId(uuid(id));
          if (options !== undefined) {
            const made = new streams.BatchAppendReq.Options();
            made.setStreamIdentifier(identifier(options[0]));
            made.setStreamPosition(String(options[1]));
            request.setOptions(made);
          }
          for (const event of events) {
            const message = new streams.BatchAppendReq.ProposedMessage();
            message.setId(uuid(event.id));
            for (const [key, value] of Object.entries(event.entries))
              message.getMetadataMap().set(key, value);
            message.setData(event.data);
            message.setCustomMetadata(event.metadata);
            request.addProposedMessages(message);
          }
          request.setIsFinal(isFinal);
          const read = decodeFragment(Buffer.from(request.serializeBinary()));
          expect(read.correlationId).toBe(id);
          expect(read.isFinal).toBe(isFinal);
          expect(read.options?.stream?.toString()).toBe(options?.[0]);
          expect(read.options?.expected).toBe(options?.[1]);
          expect(
            read.events.map((event) => ({
              id: event.id,
              type: event.type,
              contentType: event.contentType,
              data: [...event.data],
              metadata: [...event.metadata],
            })),
          ).toEqual(
            events.map((event) => ({
              id: event.id,
              type: event.entries['type'],
              contentType: event.entries['content-type'],
              data: [...event.data],
              metadata: [...event.metadata],
            })),
          );
        },
      ),
    );
  });

  test('decode ids in two halves as the same ids', () => {
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        const hex = id.replaceAll('-', '');
        const halves = new shared.UUID.Structured();
        halves.setMostSignificantBits(String(BigInt.asIntN(64, BigInt(`0x${hex.slice(0, 16)}`))));
        halves.setLeastSignificantBits(String(BigInt.asIntN(64, BigInt(`0x${hex.slice(16)}`))));
        const both = new shared.UUID();
        both.setStructured(halves);
        const request = new streams.BatchAppendReq();
        request.setCorrelationId(both);
        expect(decodeFragment(Buffer.from(request.serializeBinary())).correlationId).toBe(id);
      }),
    );
  });

  test('decode or refuse any bytes without reading outside them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        for (const decode of [decodeAppend, decodeFragment]) {
          try {
            decode(Buffer.from(noise));
          } catch (error) {
            expect(error).toMatchObject({ name: 'MalformedMessage' });
          }
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
