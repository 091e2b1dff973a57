// Checkpoints of subscriptions to `$all`: the recordings checkpoints and resume-checkpoints.
import type { Client } from '@grpc/grpc-js';
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { expectedMessages, objectOf, rowsIn, textIn, type Case, type Recording } from './format.ts';
import { describeRead, namedLog } from './log.ts';
import { heard, quiet, type OpenRead } from './calls.ts';
import { encodeFilter, type FilterOptions, type WirePlace } from './wire.ts';

import type { Sample } from './suite.ts';
import { append, hiddenPlaces, startOf, subscribe, writer } from './subscribed.ts';

/** Events 1 to 5,000: every hundredth is rare. */
async function writeForeign(client: Client, from: number, to: number): Promise<void> {
  for (let at = from; at <= to;) {
    const rare = Math.ceil(at / 100) * 100;
    const until = Math.min(rare - 1, to);
    if (until >= at) await append(client, 'foreign', until - at + 1);
    if (rare <= to) await append(client, 'rare');
    at = Math.min(rare, to) + 1;
  }
}

const FILTERS: Readonly<Record<string, readonly string[]>> = {
  nothing: ['nobody'],
  'every 100th': ['rare'],
  rare: ['rare'],
};

function filterIn(row: Recording): Buffer[] | undefined {
  const prefixes = FILTERS[textIn(row, 'filter')];
  if (prefixes === undefined) return undefined;
  const options: FilterOptions = {
    prefixes,
    window: Number(row['window']),
    multiplier: Number(row['multiplier']),
  };
  return encodeFilter(options);
}

export async function checkpoints(client: Client, recording: Recording): Promise<Case[]> {
  const cases: Case[] = [];
  const nameOf = (row: Recording): string =>
    `${textIn(row, 'filter')}, window ${String(row['window'])} x ${String(row['multiplier'])}`;
  const open = (row: Recording, from: 'start' | 'end' | WirePlace) =>
    subscribe(client, from, filterIn(row));
  const catchUp = rowsIn(recording['catchUp']);
  const hidden = await hiddenPlaces(client);
  let kept: { readonly row: Recording; readonly read: ReturnType<typeof open> }[] = [];
  let written = 0;
  for (const count of [0, 10, 1_000, 5_000]) {
    await writeForeign(client, written + 1, count);
    written = count;
    const log = await namedLog(client, hidden);
    for (const row of catchUp.filter((one) => one['events'] === count)) {
      const read = open(row, 'start');
      await read.untilCaughtUp();
      cases.push({
        name: `catch-up of ${count}: ${nameOf(row)}`,
        said: row['got'],
        got: describeRead(log, read),
      });
      read.call.cancel();
    }
    if (count !== 10) continue;
    kept = rowsIn(recording['keptOpenTo5000']).map((row) => ({ row, read: open(row, 'start') }));
    for (const { read } of kept) await read.untilCaughtUp();
  }
  for (const { row, read } of kept) await heard(client, read, row['got']);
  const log = await namedLog(client, hidden);
  for (const { row, read } of kept) {
    cases.push({
      name: `kept open: ${nameOf(row)}`,
      said: row['got'],
      got: describeRead(log, read),
    });
    read.call.cancel();
  }
  for (const row of rowsIn(recording['otherStarts'])) {
    const from = startOf(row['from'] === 'end' ? 'end' : row['at'], log, hidden);
    const read = open(row, from);
    await read.untilCaughtUp();
    cases.push({
      name: `from ${textIn(row, 'from')}: ${nameOf(row)}`,
      said: row['got'],
      got: describeRead(log, read),
    });
    read.call.cancel();
  }
  cases.push(...(await live(client, rowsIn(recording['live']), open, nameOf, hidden)));
  return cases;
}

/**
 * What comes when the subscriptions are live. With a window of one record it depends on a race whether a server goes back to
 * catching up, so only the events are compared then.
 */
async function live(
  client: Client,
  rows: readonly Recording[],
  open: (row: Recording, from: 'start' | 'end') => OpenRead,
  nameOf: (row: Recording) => string,
  hidden: ReadonlyMap<bigint, string>,
): Promise<Case[]> {
  const reads = rows.map((row) => ({
    row,
    read: open(row, row['from'] === 'end' ? 'end' : 'start'),
    from: 0,
  }));
  for (const one of reads) {
    await one.read.untilCaughtUp();
    one.from = one.read.messages.length;
  }
  await append(client, 'foreign', 100);
  await append(client, 'rare');
  for (let n = 0; n < 40; n += 1) await append(client, 'foreign');
  await append(client, 'rare');
  await append(client, 'foreign', 500);
  await append(client, 'foreign', 500);
  for (const { row, read, from } of reads) {
    // How many checkpoints come with a window of one depends on a race.
    const { count } = Number(row['window']) > 1 ? expectedMessages(row['got']) : { count: 1 };
    await read.until(() => read.messages.length >= from + count, 10_000);
  }
  await quiet(client);
  const log = await namedLog(client, hidden);
  return reads.map(({ row, read, from }) => {
    const messages = read.messages.slice(from).map(log.describe);
    read.call.cancel();
    const isExact = Number(row['window']) > 1;
    const got = objectOf(row['got']);
    const events = (list: unknown): unknown[] =>
      Array.isArray(list)
        ? list.filter((one) => one !== 'caughtUp' && 'event' in objectOf(one))
        : [];
    return {
      name: `live from ${textIn(row, 'from')}: ${nameOf(row)}`,
      said: isExact ? got['messages'] : events(got['messages']),
      got: isExact ? messages : events(messages),
    };
  });
}

/** Goes on from checkpoints of a catch-up, as they came and with equal parts; the sample is that of the table. */
export async function resumeCheckpoints(
  client: Client,
  recording: Recording,
  _front: unknown,
  sample: Sample,
): Promise<Case[]> {
  const write = writer(client, recording['log']);
  await write.to(write.last);
  const cases: Case[] = [];
  for (const row of rowsIn(recording['cases'])) {
    const filter = encodeFilter({
      prefixes: ['own.'],
      window: Number(row['window']),
      multiplier: Number(row['multiplier']),
    });
    const name = `window ${String(row['window'])} x ${String(row['multiplier'])}`;
    const whole = subscribe(client, 'start', filter);
    await whole.untilCaughtUp();
    whole.call.cancel();
    const ids = (messages: readonly ReadResp[]): string[] =>
      messages.flatMap((message) => message.getEvent()?.getEvent()?.getId()?.getString() ?? []);
    for (const form of ['as it came', 'prepare = commit']) {
      const wrong: number[] = [];
      for (const [n, message] of whole.messages.entries()) {
        const checkpoint = message.getCheckpoint();
        if (checkpoint === undefined || n % sample.oneOf !== 0) continue;
        const commit = BigInt(checkpoint.getCommitPosition());
        if (commit >= 2n ** 63n) continue;
        const prepare = form === 'as it came' ? BigInt(checkpoint.getPreparePosition()) : commit;
        const rest = subscribe(client, { commit, prepare }, filter);
        const expected = ids(whole.messages.slice(n + 1)).slice(0, sample.events);
        await rest.until(
          () => rest.timesCaughtUp() > 0 || ids(rest.messages).length >= sample.events,
          10_000,
        );
        rest.call.cancel();
        const got = ids(rest.messages).slice(0, sample.events);
        if (JSON.stringify(got) !== JSON.stringify(expected)) wrong.push(n);
      }
      const group = rowsIn(row['groups']).find(
        (one) => one['checkpointsOf'] === 'catch-up' && one['form'] === form,
      );
      cases.push({ name: `${name}, ${form}: wrong`, said: group?.['wrong'], got: wrong });
    }
  }
  return cases;
}
