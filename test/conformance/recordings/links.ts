// The recordings links and prefixes.
import type { Client } from '@grpc/grpc-js';
import { describeBatch } from './answers.ts';
import { objectOf, rowsIn, textIn, type Case, type Recording } from './format.ts';
import { appendInBatch, openRead } from './calls.ts';
import { anEvent, encodeFilter, encodeRead, ofAll, ofStream } from './wire.ts';

import { append, describeMessage, readAll, remove, setMetadata } from './seen.ts';

export async function links(client: Client, recording: Recording): Promise<Case[]> {
  await append(client, 's', 'any', 3);
  await append(client, 'gone', 'any', 2);
  await remove(client, 'Delete', 'gone', 'any');
  await append(client, 'dead', 'any', 2);
  await remove(client, 'Tombstone', 'dead', 'any');
  await append(client, 'short', 'any', 3);
  await setMetadata(client, 'short', '{"$maxCount":1}');
  const link = (stream: string, data: string, type = '$>', contentType?: string) =>
    appendInBatch(client, stream, 'any', [
      anEvent({ type, data, contentType: contentType ?? 'application/octet-stream' }),
    ]);
  await link('chain', '0@s');
  const cases: Case[] = [];
  for (const [n, row] of rowsIn(recording['table']).entries()) {
    const name = textIn(row, 'link');
    const type = row['type'] === undefined ? '$>' : textIn(row, 'type');
    await link(
      `link-${n}`,
      linkData(name),
      type,
      name.includes('json') ? 'application/json' : undefined,
    );
    const got = await readAll(client, { of: ofStream(`link-${n}`, 'start'), resolveLinks: true });
    cases.push({ name, said: row['resolved'], got });
  }
  const filter = encodeFilter({ prefixes: ['link-0', 'link-2'] });
  const key = Object.keys(recording).find((one) => one.startsWith('read of $all')) ?? '';
  const all = await readAll(client, { of: ofAll('start'), filter, resolveLinks: true });
  const said = objectOf(recording[key]);
  const whole = { ...all, messages: all.messages.slice(0, 100) };
  cases.push({ name: 'read of $all', said, got: whole });
  const read = openRead(
    client,
    encodeRead({ of: ofStream('link-0', 'start'), resolveLinks: true, subscription: true }),
  );
  await read.until(() => read.messages.length >= 3, 5_000);
  cases.push({
    name: 'subscription',
    said: recording['subscriptionToLink0'],
    got: read.messages.map(describeMessage),
  });
  read.call.cancel();
  return cases;
}

/** The data of a link whose description is its data, mostly. */
function linkData(name: string): string {
  const special: Readonly<Record<string, string>> = {
    '" 1@s" (a space before)': ' 1@s',
    '"1@ s"': '1@ s',
    'no number: x@s': 'x@s',
    'no at sign: 0s': '0s',
    empty: '',
  };
  return special[name] ?? name.replace(/ \(.*$|, .*$/, '');
}

export async function prefixes(client: Client, recording: Recording): Promise<Case[]> {
  const cases: Case[] = [];
  const whatOf = new Map<string, string>();
  const accepted = new Set<string>();
  for (const row of rowsIn(recording['names'])) {
    const name = unescaped(textIn(row, 'name'));
    whatOf.set(name, textIn(row, 'what'));
    const answer = describeBatch(await append(client, name, 'any', 1), () => '', '5 s');
    const got = answer['success'] === undefined ? answer : 'ok';
    if (got === 'ok') accepted.add(textIn(row, 'what'));
    cases.push({ name: `append: ${textIn(row, 'what')}`, said: row['append'], got });
  }
  for (const row of rowsIn(recording['table'])) {
    const prefix = unescaped(textIn(row, 'prefix').slice(1, -1));
    const read = openRead(
      client,
      encodeRead({ of: ofAll('start'), filter: encodeFilter({ prefixes: [prefix] }) }),
    );
    await read.until(() => false, 10_000);
    const takes = read.messages.flatMap((message) => {
      const name = message.getEvent()?.getEvent()?.getStreamIdentifier()?.getStreamName_asU8();
      return whatOf.get(Buffer.from(name ?? []).toString()) ?? [];
    });
    // What the front refused to append cannot be taken.
    const said = Array.isArray(row['takes'])
      ? row['takes'].filter((what) => accepted.has(String(what)))
      : [];
    cases.push({ name: `prefix ${textIn(row, 'prefix')}`, said, got: takes });
  }
  return cases;
}

function unescaped(text: string): string {
  return text.replace(/\\u([0-9a-f]{4})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}
