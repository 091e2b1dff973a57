// Calls that the official client never makes and that the front must survive.
import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type {
  AppendReq,
  AppendResp,
  BatchAppendResp,
  ReadReq,
} from '@eventstore/db-client/generated/streams_pb.js';
import type { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import {
  aFront,
  batch,
  collected,
  fragment,
  identifier,
  rawClient,
  readRequest,
  statusOf,
  uuid,
} from './front.support.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const id = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const idOf = (answer: BatchAppendResp): string => answer.getCorrelationId()?.getString() ?? '';

describe('BatchAppend', () => {
  test('joins interleaved fragments and answers each append once', async () => {
    const { port } = await aFront();
    const answers = await batch(rawClient(port), [
      fragment({ id: id(1), stream: 'a', final: false }),
      fragment({ id: id(2), stream: 'b', final: false }),
      fragment({ id: id(1), final: false, events: 2 }),
      fragment({ id: id(3), stream: 'c' }),
      fragment({ id: id(2) }),
      fragment({ id: id(1), events: 0 }),
    ]);
    expect(answers.map(idOf).toSorted()).toEqual([id(1), id(2), id(3)]);
    const revisions = new Map(
      answers.map((one) => [idOf(one), one.getSuccess()?.getCurrentRevision()]),
    );
    expect([...revisions].toSorted()).toEqual([
      [id(1), '2'],
      [id(2), '1'],
      [id(3), '0'],
    ]);
  });

  test('answers an invalid append once and ignores its further fragments', async () => {
    const { port } = await aFront();
    const answers = await batch(rawClient(port), [
      fragment({ id: id(1) }),
      fragment({ id: id(2), stream: 'a', expected: 'none given', final: false }),
      fragment({ id: id(2), final: false }),
      fragment({ id: id(2) }),
      fragment({ id: id(3), stream: '', final: false }),
      fragment({ id: id(3) }),
      fragment({ id: id(4), stream: Uint8Array.from([0xff, 0xfe]) }),
      fragment({ id: id(5), stream: 'a\u0000b' }),
      fragment({ id: id(6), stream: 'x'.repeat(1_025) }),
      fragment({ id: id(7), stream: 'large', bytes: 700_000, final: false }),
      fragment({ id: id(7), bytes: 700_000, final: false }),
      fragment({ id: id(7), bytes: 700_000 }),
      fragment({ id: id(8), stream: 'fine' }),
    ]);
    expect(answers.map(idOf)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map(id));
    for (const answer of answers) expect(answer.hasStreamIdentifier()).toBe(true);
    expect(answers.map((answer) => answer.hasSuccess())).toEqual(
      answers.map((answer) => idOf(answer) === id(8)),
    );
  });

  test('answers an append whose correlation id is no UUID with that id', async () => {
    const client = rawClient((await aFront()).port);
    const answers = await batch(client, [
      fragment({ id: 'nonsense', stream: 'a' }),
      fragment({ id: '00000000-0000-0000-0000-000000000000', stream: 'a' }),
      fragment({ id: id(1), stream: 'a' }),
    ]);
    expect(answers.map(idOf)).toEqual(['nonsense', '00000000-0000-0000-0000-000000000000', id(1)]);
    expect(answers.map((answer) => answer.hasSuccess())).toEqual([false, false, true]);
  });

  test('ends the call for an empty message', async () => {
    const client = rawClient((await aFront()).port);
    const ended = await statusOf(batch(client, [new streams.BatchAppendReq()]));
    expect(ended.code).toBe(status.INVALID_ARGUMENT);
  });

  test('refuses a deadline that is no time', async () => {
    const client = rawClient((await aFront()).port);
    const late = fragment({ id: id(1), stream: 'a' });
    // A timestamp of 2^62 seconds, in the field of the deadline.
    const seconds = [0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
    const options = Buffer.from(late.getOptions()?.serializeBinary() ?? []);
    late.setOptions(
      streams.BatchAppendReq.Options.deserializeBinary(
        Buffer.concat([options, Buffer.from([0x32, seconds.length, ...seconds])]),
      ),
    );
    const [answer] = await batch(client, [late]);
    expect(answer?.getError()?.getMessage()).toContain('the deadline is not a time');
  });

  test('ends a call with too many unfinished appends', { timeout: SLOW_TEST_MS }, async () => {
    const { port } = await aFront();
    const begun = Array.from({ length: 10_001 }, (_, n) =>
      fragment({ id: id(n), stream: 'a', final: false, events: 0 }),
    );
    expect((await statusOf(batch(rawClient(port), begun))).code).toBe(status.RESOURCE_EXHAUSTED);
    const large = Array.from({ length: 70 }, (_, n) =>
      fragment({ id: id(n), stream: 'a', final: false, bytes: 1_000_000 }),
    );
    expect((await statusOf(batch(rawClient(port), large))).code).toBe(status.RESOURCE_EXHAUSTED);
  });

  test('drops unfinished appends at the end of the call', async () => {
    const { port } = await aFront();
    expect(
      await batch(rawClient(port), [fragment({ id: id(1), stream: 'a', final: false })]),
    ).toEqual([]);
  });
});

describe('Append', () => {
  const append = (client: StreamsClient, requests: readonly AppendReq[]): Promise<AppendResp> =>
    new Promise((resolve, reject) => {
      const call = client.append((error, answer) => {
        if (error === null) resolve(answer);
        else reject(error);
      });
      call.on('error', () => undefined);
      for (const request of requests) call.write(request);
      call.end();
    });
  const options = (stream: string): AppendReq => {
    const request = new streams.AppendReq();
    const made = new streams.AppendReq.Options();
    made.setStreamIdentifier(identifier(stream));
    made.setAny(new shared.Empty());
    request.setOptions(made);
    return request;
  };
  const proposed = (entries: Readonly<Record<string, string>>, bytes = 1): AppendReq => {
    const request = new streams.AppendReq();
    const message = new streams.AppendReq.ProposedMessage();
    message.setId(uuid(crypto.randomUUID()));
    for (const [key, value] of Object.entries(entries)) message.getMetadataMap().set(key, value);
    message.setData(Buffer.alloc(bytes));
    request.setProposedMessage(message);
    return request;
  };

  test('names missing metadata in the trailers', async () => {
    const client = rawClient((await aFront()).port);
    for (const entries of [{ type: 'a' }, { 'content-type': 'application/json' }]) {
      const ended = await statusOf(append(client, [options('a'), proposed(entries)]));
      expect(ended).toMatchObject({
        code: status.INVALID_ARGUMENT,
        trailers: {
          exception: 'missing-required-metadata-property',
          'required-metadata-properties': 'type,content-type',
        },
      });
    }
  });

  test('requires options first and only events after them', async () => {
    const client = rawClient((await aFront()).port);
    const event = proposed({ type: 'a', 'content-type': 'b' });
    for (const requests of [[], [event], [options('')], [options('a'), options('b')]]) {
      expect((await statusOf(append(client, requests))).code).toBe(status.INVALID_ARGUMENT);
    }
    expect((await append(client, [options('a'), event])).hasSuccess()).toBe(true);
  });

  test('ends the call but not the server for a message above the limit', async () => {
    const client = rawClient((await aFront()).port);
    const event = proposed({ type: 'a', 'content-type': 'b' }, 21 * 1024 * 1024);
    expect((await statusOf(append(client, [options('a'), event]))).code).toBe(
      status.RESOURCE_EXHAUSTED,
    );
    const fine = proposed({ type: 'a', 'content-type': 'b' });
    expect((await append(client, [options('a'), fine])).hasSuccess()).toBe(true);
  });
});

describe('Read', () => {
  const filtered = (change: (filter: ReadReq.Options.FilterOptions) => void): ReadReq =>
    readRequest((made) => {
      const filter = new streams.ReadReq.Options.FilterOptions();
      const terms = new streams.ReadReq.Options.FilterOptions.Expression();
      terms.setPrefixList(['a']);
      filter.setStreamIdentifier(terms);
      filter.setMax(32);
      filter.setCheckpointintervalmultiplier(1);
      change(filter);
      made.setFilter(filter);
      made.setSubscription(new streams.ReadReq.Options.SubscriptionOptions());
    });

  test.each<readonly [string, () => ReadReq]>([
    ['no options', () => new streams.ReadReq()],
    [
      'no filter option',
      () =>
        readRequest((made) => {
          made.clearNoFilter();
        }),
    ],
    [
      'no form of ids',
      () =>
        readRequest((made) => {
          made.clearUuidOption();
        }),
    ],
    [
      'no start',
      () =>
        readRequest((made) => {
          made.getAll()?.clearStart();
        }),
    ],
    [
      'a position whose second part is larger',
      () =>
        readRequest((made) => {
          const position = new streams.ReadReq.Options.Position();
          position.setCommitPosition('1');
          position.setPreparePosition('2');
          made.getAll()?.setPosition(position);
        }),
    ],
    [
      'neither a stream nor all',
      () =>
        readRequest((made) => {
          made.clearAll();
        }),
    ],
    [
      'no count',
      () =>
        readRequest((made) => {
          made.clearCount();
        }),
    ],
    [
      'a stream without a name',
      () =>
        readRequest((made) => {
          made.setStream(new streams.ReadReq.Options.StreamOptions());
        }),
    ],
    [
      'a subscription backwards',
      () =>
        readRequest((made) => {
          made.setSubscription(new streams.ReadReq.Options.SubscriptionOptions());
          made.setReadDirection(streams.ReadReq.Options.ReadDirection.BACKWARDS);
        }),
    ],
    [
      'a filter on a stream',
      () => {
        const request = filtered(() => undefined);
        const stream = new streams.ReadReq.Options.StreamOptions();
        stream.setStreamIdentifier(identifier('a'));
        request.getOptions()?.setStream(stream);
        return request;
      },
    ],
    [
      'a filter without a window',
      () =>
        filtered((filter) => {
          filter.clearMax();
        }),
    ],
    [
      'a window of 0',
      () =>
        filtered((filter) => {
          filter.setMax(0);
        }),
    ],
    [
      'a checkpoint interval of 0',
      () =>
        filtered((filter) => {
          filter.setCheckpointintervalmultiplier(0);
        }),
    ],
    [
      'a filter on nothing',
      () =>
        filtered((filter) => {
          filter.clearStreamIdentifier();
        }),
    ],
    [
      'a filter with nothing',
      () =>
        filtered((filter) => {
          filter.getStreamIdentifier()?.clearPrefixList();
        }),
    ],
    [
      'too many prefixes',
      () =>
        filtered((filter) => {
          filter.getStreamIdentifier()?.setPrefixList(Array.from({ length: 1_025 }, String));
        }),
    ],
  ])('with %s are refused', async (_, request) => {
    const client = rawClient((await aFront()).port);
    const ended = await statusOf(collected(client.read(request())));
    expect(ended.code).toBe(status.INVALID_ARGUMENT);
    expect(ended.details).not.toBe('');
  });

  test('filters events, and treats positions above the end as the end', async () => {
    const client = rawClient((await aFront()).port);
    await batch(client, [
      fragment({ id: id(1), stream: 'abc', events: 3 }),
      fragment({ id: id(2), stream: 'x' }),
    ]);
    const request = filtered(() => undefined);
    request.getOptions()?.setCount('2');
    expect(await collected(client.read(request))).toHaveLength(2);
    const far = readRequest((made) => {
      const position = new streams.ReadReq.Options.Position();
      position.setCommitPosition('18446744073709551615');
      position.setPreparePosition('18446744073709551615');
      made.getAll()?.setPosition(position);
    });
    expect(await collected(client.read(far))).toEqual([]);
    far.getOptions()?.setReadDirection(streams.ReadReq.Options.ReadDirection.BACKWARDS);
    expect(await collected(client.read(far))).toHaveLength(5);
  });

  test('returns ids as two halves when the client asks for them', async () => {
    const client = rawClient((await aFront()).port);
    await batch(client, [fragment({ id: id(1), stream: 'a', events: 20 })]);
    const read = async (halves: boolean): Promise<string[]> => {
      const request = readRequest((made) => {
        if (halves) made.getUuidOption()?.setStructured(new shared.Empty());
      });
      return (await collected(client.read(request))).map((answer) => {
        const event = answer.getEvent()?.getEvent()?.getId();
        const two = event?.getStructured();
        if (two === undefined) return event?.getString() ?? '';
        const hex = [two.getMostSignificantBits(), two.getLeastSignificantBits()]
          .map((half) => BigInt.asUintN(64, BigInt(half)).toString(16).padStart(16, '0'))
          .join('');
        return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
      });
    };
    const texts = await read(false);
    expect(texts).toHaveLength(21);
    expect(await read(true)).toEqual(texts);
  });
});

describe('createFront', () => {
  const authorized = (value: string): Metadata => {
    const metadata = new Metadata();
    metadata.set('authorization', value);
    return metadata;
  };

  test('accepts its token as bearer or as a password', async () => {
    const client = rawClient((await aFront({ token: 's3cret' })).port);
    const one = (): ReturnType<typeof fragment> => fragment({ id: id(1), stream: 'a' });
    const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;
    for (const value of ['Bearer s3cret', basic('admin:s3cret'), basic(':s3cret')]) {
      expect(await batch(client, [one()], authorized(value))).toHaveLength(1);
      expect(await collected(client.read(readRequest(), authorized(value)))).not.toHaveLength(0);
    }
    for (const value of ['Bearer s3cre', 'Bearer', 's3cret', basic('s3cret'), basic('admin:x')]) {
      const refused = await statusOf(batch(client, [one()], authorized(value)));
      expect(refused.code).toBe(status.UNAUTHENTICATED);
      const read = collected(client.read(readRequest(), authorized(value)));
      expect((await statusOf(read)).code).toBe(status.UNAUTHENTICATED);
    }
    expect((await statusOf(collected(client.read(readRequest())))).code).toBe(
      status.UNAUTHENTICATED,
    );
  });

  test('listens on other addresses only with allowRemote and a token', async () => {
    await expect(aFront({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'address_not_local' });
    await expect(aFront({ host: '::' })).rejects.toMatchObject({ code: 'address_not_local' });
    await expect(aFront({ host: '127.evil.example' })).rejects.toMatchObject({
      code: 'address_not_local',
    });
    const remote = { host: '0.0.0.0', allowRemote: true };
    await expect(aFront(remote)).rejects.toMatchObject({ code: 'token_missing' });
    await expect(aFront({ ...remote, token: '' })).rejects.toMatchObject({ code: 'token_missing' });
    const { port } = await aFront({ ...remote, token: 's3cret' });
    const read = rawClient(port).read(readRequest(), authorized('Bearer s3cret'));
    expect(await collected(read)).toHaveLength(1);
  });

  test('names a port that is in use', async () => {
    const { port } = await aFront();
    await expect(aFront({ port })).rejects.toMatchObject({ code: 'address_unusable' });
  });
});
