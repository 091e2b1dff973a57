// Subscriptions to `$all`: the recordings resume, live-hidden and beyond-end.
import type { Client } from '@grpc/grpc-js';
import { rowsIn, textIn, type Case, type Recording } from './format.ts';
import { describeRead, namedLog } from './log.ts';
import { heard, openRead, quiet } from './calls.ts';
import { encodeFilter, encodeRead, ofAll, ofStream } from './wire.ts';

import { append, filterOf, GROUP, hiddenPlaces, startOf, subscribe, writer } from './subscribed.ts';

export async function resume(client: Client, recording: Recording): Promise<Case[]> {
  const cases: Case[] = [];
  const write = writer(client, recording['log']);
  await write.to(9);
  for (const row of rowsIn(recording['cases'])) {
    const name = `${textIn(row, 'case')}, ${textIn(row, 'filter')}, from ${JSON.stringify(row['from'])}`;
    // Behind the cases at the beginning of the log are 80 foreign events, and the server's checkpoints among them.
    if (name.startsWith('a checkpoint of the server') && write.next() < 99) await write.to(99);
    const more = (): Promise<void> =>
      write.next() < write.config - 1 ? write.to(write.next()) : Promise.resolve();
    cases.push({ name, said: row['got'], got: await resumed(client, row, more) });
  }
  await write.to(write.config);
  // What a persistent subscription to $all writes, so that no client sees it.
  await append(client, GROUP, 2);
  await write.to(write.last - 1);
  for (const row of rowsIn(recording['hidden'])) {
    const name = `${textIn(row, 'case')}, ${String(row['filter'])}`;
    const more = (): Promise<void> => write.to(write.last);
    cases.push({ name, said: row['got'], got: await resumed(client, row, more) });
  }
  return cases;
}

async function resumed(
  client: Client,
  row: Recording,
  more: () => Promise<void>,
): Promise<unknown> {
  const hidden = await hiddenPlaces(client);
  const start = startOf(row['from'], await namedLog(client, hidden), hidden);
  const isRead = row['filter'] === undefined;
  const read = isRead
    ? openRead(client, encodeRead({ of: ofAll(start), count: 3n }))
    : subscribe(client, start, filterOf(textIn(row, 'filter')));
  const wait = row['oneOwnEventWrittenAfterMessages'];
  if (typeof wait === 'number') {
    await read.until(() => read.messages.length >= wait, 5_000);
    await quiet(client);
    if (read.end() === undefined) await more();
  }
  await heard(client, read, row['got']);
  const got = describeRead(await namedLog(client, hidden), read);
  read.call.cancel();
  return got;
}

export async function liveHidden(client: Client, recording: Recording): Promise<Case[]> {
  const write = writer(client, recording['log']);
  await write.to(2);
  await append(client, GROUP);
  await write.to(3);
  await append(client, GROUP);
  const filter = encodeFilter({ prefixes: ['own.'], window: 1, multiplier: 1 });
  const read = subscribe(client, 'start', filter);
  await read.untilCaughtUp();
  for (let event = 4; event <= 9; event += 1) {
    await write.to(event);
    await append(client, GROUP);
  }
  await heard(client, read, recording['got']);
  read.call.cancel();
  const cases: Case[] = [];
  const hidden = await hiddenPlaces(client);
  const log = await namedLog(client, hidden);
  cases.push({
    name: 'live',
    said: recording['got'],
    got: { messages: read.messages.map(log.describe) },
  });
  await write.to(11);
  for (const row of rowsIn(recording['resumedFromThem'])) {
    const more = (): Promise<void> => write.to(write.next());
    const name = `resumed from ${JSON.stringify(row['from'])}`;
    cases.push({ name, said: row['got'], got: await resumed(client, row, more) });
  }
  return cases;
}

export async function beyondEnd(client: Client, recording: Recording): Promise<Case[]> {
  const write = writer(client, recording['log']);
  await write.to(13);
  const log = await namedLog(client);
  const beyond = log.placeOf(log.last) + 30_000n;
  const place = { commit: beyond, prepare: beyond };
  const filter = encodeFilter({ prefixes: ['own.'], window: 32, multiplier: 1_000 });
  const stream = (name: string, from: bigint) =>
    openRead(client, encodeRead({ of: ofStream(name, from), subscription: true }));
  const reads = [
    subscribe(client, place, filter),
    subscribe(client, place, undefined),
    stream('own.a', 5n),
    stream('own.a', 100n),
    stream('nobody-yet', 1n),
  ];
  await Promise.all(reads.map((read) => read.until(() => read.messages.length > 0, 5_000)));
  await quiet(client);
  await write.to(17);
  // One append, so that the log passes the place at once.
  await append(client, 'foreign', 400, JSON.stringify({ text: 'x'.repeat(100) }));
  await append(client, 'own.a', 3);
  await append(client, 'nobody-yet', 2);
  const rows = rowsIn(recording['cases']);
  for (const [n, read] of reads.entries()) await heard(client, read, rows[n]?.['got']);
  const after = await namedLog(client);
  return rows.map((row, n) => {
    const read = reads[n];
    const got = read === undefined ? {} : describeRead(after, read);
    read?.call.cancel();
    return { name: textIn(row, 'subscription'), said: row['got'], got };
  });
}
