// The contract of the queue of requests to deliver (an inbox).
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Acknowledgement,
  RequestQueue,
  RequestStream,
} from '../../kernel/processes/delivery/request-queue.ts';
import { expect } from './expect.ts';
import type { ContractRunner } from './runner.ts';

/** A queue under test, and its stream, which exists and is empty. */
export type RequestQueueHarness = AsyncDisposable & {
  /** The same queue each time, as another worker or the next process opens it. */
  readonly open: () => RequestQueue;
  /** Stores a message with the header `ce-id` behind those before it. */
  readonly store: (subject: string, id: string) => Promise<void>;
};

const WAIT_MS = 30_000;
const POLL_MS = 5;

/**
 * Defines the tests of the port `RequestQueue` for one kind of queue.
 *
 * @param runner the test runner's functions
 * @param open makes one per test
 */
export function requestQueueContract(
  { describe, test }: ContractRunner,
  name: string,
  open: () => Promise<RequestQueueHarness>,
): void {
  describe(`${name} keeps the contract of request queues`, () => {
    test('hands over the real requests of every channel and nothing else', async () => {
      await using harness = await open();
      await harness.store('trigger.raised.aa.1', 'raised');
      await harness.store(`mock.${request('email')}`, 'mock');
      await harness.store(request('feishu'), '1');
      await harness.store(request('email'), '2');
      await using reader = read(harness);
      await until('two came', () => reader.got.length >= 2);
      await harness.store(request('last'), '3');
      await until('the last came', () => reader.got.includes('3'));
      expect(reader.got.toSorted()).toEqual(['1', '2', '3']);
    });

    test('says which stream it reads, and waits until the check lets it go on', async () => {
      await using harness = await open();
      await harness.store(request('a'), '1');
      let mayGo = false;
      const streams: RequestStream[] = [];
      const check = (stream: RequestStream) => {
        streams.push(stream);
        return mayGo ? 'go' : 'wait';
      };
      await using reader = read(harness, undefined, check);
      await until('it asked', () => streams.length > 0);
      expect(reader.got).toEqual([]);
      mayGo = true;
      await until('it came', () => reader.got.length === 1);
      const [first] = streams;
      expect([first?.stream, first?.created].filter((text) => text === '')).toEqual([]);
      expect(streams.filter(({ created }) => created !== first?.created)).toEqual([]);
    });

    for (const [what, answer] of [
      ['nak', () => Promise.resolve('nak' as const)],
      ['an error', () => Promise.reject(new Error('not now'))],
    ] as const) {
      test(`hands a request over again after ${what}, while others go on`, async () => {
        await using harness = await open();
        await harness.store(request('a'), '1');
        await harness.store(request('a'), '2');
        await using reader = read(harness, (id, times) =>
          id === '1' && times === 1 ? answer() : Promise.resolve('ack'),
        );
        await until('it came again', () => reader.timesOf('1') === 2);
        expect(reader.timesOf('2')).toBe(1);
      });
    }

    test('hands over after a restart what was not acknowledged, and nothing else', async () => {
      await using harness = await open();
      for (const id of ['1', '2', '3']) await harness.store(request('a'), id);
      {
        await using first = read(harness, (id) => Promise.resolve(id === '2' ? 'nak' : 'ack'));
        await until('all came', () => new Set(first.got).size === 3);
      }
      await using second = read(harness);
      await until('it came', () => second.got.length > 0);
      await harness.store(request('a'), '4');
      await until('the next came', () => second.got.includes('4'));
      expect(second.got).toEqual(['2', '4']);
    });

    test('does not hand over a terminated request again', async () => {
      await using harness = await open();
      await harness.store(request('a'), '1');
      {
        await using first = read(harness, () => Promise.resolve('term'));
        await until('it came', () => first.got.length === 1);
      }
      await harness.store(request('a'), '2');
      await using second = read(harness);
      await until('the next came', () => second.got.length > 0);
      expect(second.got).toEqual(['2']);
    });

    test('finishes the requests in hand when its signal comes', async () => {
      await using harness = await open();
      await harness.store(request('a'), '1');
      const { promise: handled, resolve } = Promise.withResolvers<Acknowledgement>();
      const reader = read(harness, () => handled);
      await until('it came', () => reader.got.length === 1);
      const ended = reader[Symbol.asyncDispose]();
      resolve('ack');
      await ended;
      await harness.store(request('a'), '2');
      await using second = read(harness);
      await until('the next came', () => second.got.includes('2'));
      expect(second.got).toEqual(['2']);
    });

    test('passes on what the check throws', async () => {
      await using harness = await open();
      const refused = new Error('of another log');
      const reader = read(harness, undefined, () => {
        throw refused;
      });
      const failure = await reader.ended.then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failure === refused).toBe(true);
    });
  });
}

function request(channel: string): string {
  return `notification.${channel}.requested.aa.1`;
}

/** Reads the queue until it is disposed of. */
function read(
  { open }: RequestQueueHarness,
  answer: (id: string, times: number) => Promise<Acknowledgement> = () => Promise.resolve('ack'),
  check: (stream: RequestStream) => 'go' | 'wait' = () => 'go',
) {
  const stop = new AbortController();
  const got: string[] = [];
  const timesOf = (id: string): number => got.filter((each) => each === id).length;
  const ended = open().run({
    signal: stop.signal,
    check: async (stream) => Promise.resolve(check(stream)),
    handle: ({ headers }) => {
      const id = headers.get('ce-id') ?? '';
      got.push(id);
      return answer(id, timesOf(id));
    },
  });
  // The test sees the error through `ended` or the end.
  ended.catch(() => undefined);
  const end = async (): Promise<void> => {
    stop.abort();
    await ended;
  };
  return { got, timesOf, ended, [Symbol.asyncDispose]: end };
}

/** Waits for a condition. @throws Error that names it after half a minute */
async function until(what: string, condition: () => boolean): Promise<void> {
  for (const end = performance.now() + WAIT_MS; !condition();) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await sleep(POLL_MS);
  }
}
