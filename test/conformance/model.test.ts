// Compares random sequences of appends and reads with a model of a few lines.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BACKWARDS,
  END,
  jsonEvent,
  STREAM_EXISTS,
  StreamNotFoundError,
  WrongExpectedVersionError,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import { SERVER_VERSIONS } from '../../src/adapters/eventstore/front/server-version.ts';
import { all, APPEND_CALLS, served } from './front.support.ts';

type Step = {
  readonly stream: number;
  readonly expected: 'any' | 'no_stream' | typeof STREAM_EXISTS | bigint;
  readonly events: number;
  readonly call: number;
};

const step: fc.Arbitrary<Step> = fc.record({
  stream: fc.nat(2),
  expected: fc.oneof(
    fc.constantFrom('any' as const, 'no_stream' as const, STREAM_EXISTS),
    fc.bigInt(0n, 6n),
  ),
  events: fc.nat(3),
  call: fc.nat(1),
});

/** The last revision of a stream that an expectation requires. */
function holds(expected: Step['expected'], last: bigint): boolean {
  if (expected === 'any') return true;
  if (expected === STREAM_EXISTS) return last >= 0n;
  return last === (expected === 'no_stream' ? -1n : expected);
}

async function idsIn(
  from: EventStoreDBClient,
  stream: string,
  backwards: boolean,
): Promise<unknown[]> {
  const options = backwards ? ({ direction: BACKWARDS, fromRevision: END } as const) : {};
  try {
    return (await all(from.readStream(stream, options))).map(({ event }) => event?.id);
  } catch (error) {
    if (error instanceof StreamNotFoundError) return [];
    throw error;
  }
}

describe.each([undefined, ...SERVER_VERSIONS])('the front like %s', (like) => {
  const { client } = served({ like });
  test('accepts, refuses and reads any sequence of appends as the model does', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        run += 1;
        const names = [0, 1, 2].map((n) => `model-${run}-${n}`);
        const model = names.map((): string[] => []);
        const log: string[] = [];
        for (const { stream, expected, events, call } of steps) {
          const own = model[stream] ?? [];
          const last = BigInt(own.length - 1);
          const list = Array.from({ length: events }, (_, n) =>
            jsonEvent({ type: 'step', data: { n } }),
          );
          const options = { ...APPEND_CALLS[call]?.[1], expectedRevision: expected };
          const result = await client()
            .appendToStream(names[stream] ?? '', list, options)
            .catch((error: unknown) => error);
          if (holds(expected, last)) {
            own.push(...list.map(({ id }) => id));
            log.push(...list.map(({ id }) => id));
            if (own.length > 0) {
              expect(result).toMatchObject({ nextExpectedRevision: BigInt(own.length - 1) });
            }
          } else {
            expect(result).toBeInstanceOf(WrongExpectedVersionError);
            expect(result).toMatchObject({
              expectedVersion: expected,
              actualVersion: last < 0n ? 'no_stream' : last,
            });
          }
        }
        for (const [n, name] of names.entries()) {
          const own = model[n] ?? [];
          expect(await idsIn(client(), name, false)).toEqual(own);
          expect(await idsIn(client(), name, true)).toEqual(own.toReversed());
        }
        const everything = (await all(client().readAll())).map(({ event }) => event);
        const mine = everything.filter((event) => names.includes(event?.streamId ?? ''));
        expect(mine.map((event) => event?.id)).toEqual(log);
      }),
      { numRuns: 25 },
    );
  });
});
