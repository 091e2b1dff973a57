// The recording refusals-reads: reads and subscriptions, many of them without sense.
import type { Client } from '@grpc/grpc-js';
import { field } from '../../../src/adapters/eventstore/wire/protobuf-writer.ts';
import { objectOf, rowsIn, textIn, type Case, type Recording } from './format.ts';
import { layGround, numberIn } from './ground.ts';
import { describeRead, namedLog } from './log.ts';
import { appendInBatch, heard, openRead, unary } from './calls.ts';
import {
  anEvent,
  encodeFilter,
  encodeOptions,
  encodeRead,
  ofAll,
  ofStream,
  type ReadOptions,
  type WirePlace,
} from './wire.ts';

export async function refusalsReads(client: Client, recording: Recording): Promise<Case[]> {
  await layGround(client);
  const log = await namedLog(client);
  const reads = rowsIn(recording['reads']);
  const firstOfAll = reads.findIndex((row) => textIn(row, 'read').includes('gRPC deadline')) + 1;
  const cases = await Promise.all(
    reads.map(async (row, n): Promise<Case> => {
      const name = textIn(row, 'read');
      const request = n < firstOfAll ? streamRead(name) : allRead(name, log);
      const read = openRead(client, encodeRead(request));
      await heard(client, read, row['got']);
      const got = describeRead(log, read, '1.5 s, cancelled');
      read.call.cancel();
      return { name, said: row['got'], got };
    }),
  );
  const subscriptions = rowsIn(objectOf(recording['subscriptions'])['table']);
  const live = await Promise.all(
    subscriptions.map(async (row): Promise<Case> => {
      const name = textIn(row, 'read');
      const read = openRead(client, encodeRead(subscription(name, log)));
      await heard(client, read, row['got']);
      const got = describeRead(log, read, '0.7 s, cancelled');
      read.call.cancel();
      return { name: `subscription: ${name}`, said: row['got'], got };
    }),
  );
  return [...cases, ...live, ...(await whileLive(client, rowsIn(recording['whileLive'])))];
}

const PREFIX = encodeFilter({ prefixes: ['three'] });

function streamRead(name: string): ReadOptions {
  const [, stream, direction, from, count] =
    /^(\S+) (forwards|backwards) from (.+), count (\d+)$/.exec(name) ?? [];
  if (stream !== undefined && from !== undefined) {
    const start = from === 'start' || from === 'end' ? from : BigInt(from);
    return {
      of: ofStream(stream, start),
      ...(direction === 'backwards' && { direction }),
      count: BigInt(count ?? 0),
    };
  }
  const three = ofStream('three', 'start');
  const changes: Readonly<Record<string, ReadOptions>> = {
    'nobody, count 0': { of: ofStream('nobody', 'start'), count: 0n },
    'stream name empty': { of: ofStream('', 'start') },
    'stream name not UTF-8': { of: ofStream(Uint8Array.from([0xff, 0xfe]), 'start') },
    'stream name with a space and ü, not there': { of: ofStream('a ü', 'start') },
    'three, no filter option': { of: three, filter: 'none' },
    'three, no uuid option': { of: three, uuid: 'none' },
    'three, no revision option': { of: ofStream('three') },
    'three, no count option': { of: three, count: 'none' },
    'three with a prefix filter': { of: three, filter: PREFIX },
  };
  return changes[name] ?? { of: three };
}

type Named = Awaited<ReturnType<typeof namedLog>>;

function placeNamed(name: string, log: Named): 'start' | 'end' | WirePlace {
  const [first, second, last] = [log.placeOf(0), log.placeOf(1), log.placeOf(log.last)];
  const at = (commit: bigint, prepare = commit): WirePlace => ({ commit, prepare });
  const places: Readonly<Record<string, 'start' | 'end' | WirePlace>> = {
    start: 'start',
    end: 'end',
    'the first event': at(first),
    'the second event': at(second),
    'the last event': at(last),
    'commit + 1 of the second event': at(second + 1n),
    'commit of the last + 1': at(last + 1n),
    'commit of the last + 100,000': at(last + 100_000n),
    'commit of the last + 2^40': at(last + 2n ** 40n),
    'commit < prepare': at(second, second + 1n),
    'commit of the second, prepare 0': at(second, 0n),
    'commit of the second, prepare of the first': at(second, first),
    '0/0': at(0n),
    '2^64-1, prepare 0': at(2n ** 64n - 1n, 0n),
  };
  return places[name] ?? at(numberIn(name));
}

function allRead(name: string, log: Named): ReadOptions {
  const [, direction, from] = /^\$all (forwards|backwards) from (.+), count 3$/.exec(name) ?? [];
  const backwards = { direction: 'backwards' } as const;
  if (from !== undefined) {
    return {
      of: ofAll(placeNamed(from, log)),
      ...(direction === 'backwards' && backwards),
      count: 3n,
    };
  }
  const all = ofAll('start');
  const end = ofAll('end');
  const two = { of: all, count: 2n };
  const changes: Readonly<Record<string, ReadOptions>> = {
    '$all forwards, count 0': { of: all, count: 0n },
    '$all forwards, count 0, prefix filter': { of: all, count: 0n, filter: PREFIX },
    '$all forwards, count 2, prefix three': { ...two, filter: PREFIX },
    '$all forwards, count 2, prefix that matches nothing': {
      ...two,
      filter: encodeFilter({ prefixes: ['zzz'] }),
    },
    '$all backwards, count 0': { of: end, count: 0n, ...backwards },
    '$all backwards, count 0, prefix filter': { of: end, count: 0n, filter: PREFIX, ...backwards },
    '$all backwards, count 2, prefix three': { of: end, count: 2n, filter: PREFIX, ...backwards },
    '$all backwards, count 2, prefix that matches nothing': {
      of: end,
      count: 2n,
      filter: encodeFilter({ prefixes: ['zzz'] }),
      ...backwards,
    },
    '$all, count 2^63-1': { of: all, count: 2n ** 63n - 1n },
    '$all, count 2^64-1': { of: all, count: 2n ** 64n - 1n },
    '$all, no filter option': { of: all, filter: 'none' },
    '$all, no uuid option': { of: all, uuid: 'none' },
    '$all, no position option': { of: ofAll() },
    '$all, no count option': { of: all, count: 'none' },
    '$all, filter with an empty prefix list and no regex': { ...two, filter: encodeFilter({}) },
    '$all, prefix "" ': { ...two, filter: encodeFilter({ prefixes: [''] }) },
    '$all, prefix and regex': {
      ...two,
      filter: encodeFilter({ prefixes: ['three'], regex: '^nothing$' }),
    },
    '$all, regex that is none: (': { ...two, filter: encodeFilter({ regex: '(' }) },
    '$all, window 0': { ...two, filter: encodeFilter({ prefixes: ['three'], window: 0 }) },
    '$all, window "count"': {
      ...two,
      filter: encodeFilter({ prefixes: ['three'], window: 'count' }),
    },
    '$all, multiplier 0': { ...two, filter: encodeFilter({ prefixes: ['three'], multiplier: 0 }) },
  };
  const found = changes[name];
  if (found === undefined) throw new Error(`a recording has an unknown read: ${name}`);
  return found;
}

function subscription(name: string, log: Named): ReadOptions {
  const subscribed = { subscription: true } as const;
  const [, stream, start] = /^stream (\S+) from (\S+)$/.exec(name) ?? [];
  if (stream !== undefined && start !== undefined) {
    const from = start === 'start' || start === 'end' ? start : numberIn(start);
    return { of: ofStream(stream, from), ...subscribed };
  }
  const [, kind, place] = /^\$all, (filter|no filter), (?:from )?(.+)$/.exec(name) ?? [];
  const all = ofAll('start');
  const withFilter = (filter: Buffer[]): ReadOptions => ({ of: all, filter, ...subscribed });
  const changes: Readonly<Record<string, ReadOptions>> = {
    'stream three backwards': {
      of: ofStream('three', 'start'),
      direction: 'backwards',
      ...subscribed,
    },
    '$all backwards': { of: all, direction: 'backwards', ...subscribed },
    '$all, no filter option': { of: all, filter: 'none', ...subscribed },
    '$all, no uuid option': { of: all, uuid: 'none', ...subscribed },
    '$all, no position option': { of: ofAll(), ...subscribed },
    '$all, filter, window 0': withFilter(encodeFilter({ prefixes: ['three'], window: 0 })),
    '$all, filter, window "count"': withFilter(
      encodeFilter({ prefixes: ['three'], window: 'count' }),
    ),
    '$all, filter, multiplier 0': withFilter(encodeFilter({ prefixes: ['three'], multiplier: 0 })),
    '$all, filter, no prefix': withFilter(encodeFilter({})),
    '$all, regex (': withFilter(encodeFilter({ regex: '(' })),
    'stream three with a prefix filter': {
      of: ofStream('three', 'start'),
      filter: PREFIX,
      ...subscribed,
    },
  };
  const known = changes[name];
  if (known !== undefined) return known;
  return {
    of: ofAll(placeNamed(place ?? '', log)),
    ...(kind === 'filter' && { filter: PREFIX }),
    ...subscribed,
  };
}

/** Streams that are removed, and come to be, under a live subscription. */
async function whileLive(client: Client, rows: readonly Recording[]): Promise<Case[]> {
  const append = (stream: string, count: number): Promise<unknown> =>
    appendInBatch(
      client,
      stream,
      'any',
      Array.from({ length: count }, () => anEvent()),
    );
  const remove = (method: 'Delete' | 'Tombstone', stream: string): Promise<unknown> =>
    unary(client, method, [field(1, ...encodeOptions(stream, 'any'))]);
  const plans = [
    {
      stream: 'to-tombstone',
      from: 'start',
      before: 1,
      change: () => remove('Tombstone', 'to-tombstone'),
    },
    {
      stream: 'to-delete',
      from: 'start',
      before: 1,
      change: async () => {
        await remove('Delete', 'to-delete');
        await append('to-delete', 1);
      },
    },
    { stream: 'to-come', from: 'start', before: 0, change: () => append('to-come', 2) },
    { stream: 'to-come-2', from: 'end', before: 0, change: () => append('to-come-2', 2) },
  ] as const;
  const cases: Case[] = [];
  for (const [n, { stream, from, before, change }] of plans.entries()) {
    const row = rows[n] ?? {};
    if (before > 0) await append(stream, before);
    const read = openRead(client, encodeRead({ of: ofStream(stream, from), subscription: true }));
    const messagesBefore = Number(row['messagesBefore']);
    await read.until(() => read.messages.length >= messagesBefore, 3_000);
    await change();
    await heard(client, read, row['got']);
    const got = describeRead(await namedLog(client), read);
    read.call.cancel();
    cases.push({
      name: `while live: ${textIn(row, 'subscription')}`,
      said: row['got'],
      got: { end: { stillRunning: true }, ...got },
    });
  }
  return cases;
}
