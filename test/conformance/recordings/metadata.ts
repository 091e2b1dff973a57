// The recordings metadata and soft-delete.
import type { Client } from '@grpc/grpc-js';
import { until } from '../../support/until.ts';
import { describeBatch, eventsIn } from './answers.ts';
import { objectOf, rowsIn, textIn, type Case, type Recording } from './format.ts';
import { appendInBatch, describeStatus, openRead } from './calls.ts';
import {
  anEvent,
  encodeFilter,
  encodeRead,
  ofAll,
  ofStream,
  type Expected,
  type ReadOptions,
} from './wire.ts';

import { append, describeMessage, line, remove, setMetadata, shortName } from './seen.ts';

export async function metadata(client: Client, recording: Recording): Promise<Case[]> {
  const cases: Case[] = [];
  const rows = rowsIn(recording['table']);
  const views = async (stream: string) => {
    const read = (options: ReadOptions): Promise<unknown> => line(client, options);
    return {
      forwardsFromStart: await read({ of: ofStream(stream, 'start') }),
      backwardsFromEnd: await read({ of: ofStream(stream, 'end'), direction: 'backwards' }),
      forwardsFrom1: await read({ of: ofStream(stream, 1n) }),
      all: await read({ of: ofAll('start'), filter: encodeFilter({ prefixes: [stream] }) }),
      metastream: await read({ of: ofStream(`$$${stream}`, 'start') }),
    };
  };
  for (const [n, row] of rows.entries()) {
    const name = textIn(row, 'metadata');
    const stream = `m-${n}.`;
    await append(client, stream, 'any', 5);
    await setMetadata(client, stream, METADATA[name] ?? '{}');
    if (name.startsWith('$maxAge 1 ')) {
      const seesNone = async (): Promise<boolean> => (await eventsIn(client, stream)).count === 0;
      await until('the events are too old', seesNone);
    }
    const seen = await views(stream);
    const read = openRead(
      client,
      encodeRead({ of: ofStream(stream, 'start'), subscription: true }),
    );
    await read.untilCaughtUp();
    read.call.cancel();
    const answer = describeBatch(await append(client, stream, 'any', 1), () => '', '5 s');
    const { metadata: _, ...said } = row;
    cases.push({
      name,
      said,
      got: {
        set: 'ok',
        ...seen,
        subscription: read.messages
          .map((message) => describeMessage(message))
          .map((text) => String(text).replace(/@.*/, ''))
          .join(' '),
        nextAppend: `revision ${String(objectOf(answer['success'])['revision'])}`,
        afterIt: await line(client, { of: ofStream(stream, 'start') }),
      },
    });
  }
  await setMetadata(client, 'later.', '{"$maxCount":1}');
  const before = await views('later.');
  await append(client, 'later.', 'no_stream', 3);
  cases.push({
    name: 'metadata before the stream',
    said: recording['metadataBeforeTheStream'],
    got: { before, appendNoStream: 'ok', after: await views('later.') },
  });
  cases.push({
    name: 'all events hidden by $tb',
    said: recording['allEventsHiddenBy$tb'],
    got: await allHidden(client, views),
  });
  return cases;
}

async function allHidden(client: Client, views: (stream: string) => Promise<unknown>) {
  const stream = 'all-hidden.';
  await append(client, stream, 'any', 2);
  await setMetadata(client, stream, '{"$tb":2}');
  const got: Record<string, unknown> = { views: await views(stream) };
  for (const expected of ['no_stream', 'stream_exists', 0n, 1n] as const) {
    const answer = describeBatch(await append(client, stream, expected, 1), () => '', '5 s');
    const { success } = answer;
    got[`append expecting ${expected}`] =
      success === undefined ? answer['error'] : `revision ${String(objectOf(success)['revision'])}`;
  }
  return got;
}

const METADATA: Readonly<Record<string, string>> = {
  '$maxCount 2': '{"$maxCount":2}',
  '$maxCount 1': '{"$maxCount":1}',
  '$maxCount 0': '{"$maxCount":0}',
  '$maxCount -1': '{"$maxCount":-1}',
  '$maxCount "2" (text)': '{"$maxCount":"2"}',
  '$tb 2': '{"$tb":2}',
  '$tb 5 (one beyond the end)': '{"$tb":5}',
  '$tb 100': '{"$tb":100}',
  '$tb -1': '{"$tb":-1}',
  '$maxAge 1 (read after 2.2 s)': '{"$maxAge":1}',
  '$maxAge 1,000': '{"$maxAge":1000}',
  '$maxAge 0': '{"$maxAge":0}',
  '$maxCount 3 and $tb 3': '{"$maxCount":3,"$tb":3}',
  'not JSON': 'not JSON',
  'an unknown key': '{"mine":1}',
  '$acl $r nobody': '{"$acl":{"$r":"nobody"}}',
  '$cacheControl 5': '{"$cacheControl":5}',
};

export async function softDelete(client: Client, recording: Recording): Promise<Case[]> {
  const cases: Case[] = [];
  let stream = 'sd.';
  let back = [anEvent()];
  for (const row of rowsIn(recording['steps'])) {
    const name = textIn(row, 'step');
    if (name.startsWith('another stream')) stream = 'sq.';
    const [, wanted = 'any'] = /expecting (?:the last revision \()?(\w+)/.exec(name) ?? [];
    const expected: Expected =
      wanted === 'any' || wanted === 'no_stream' || wanted === 'stream_exists'
        ? wanted
        : BigInt(wanted);
    const list = name.includes('append 2') ? [anEvent(), anEvent()] : [anEvent()];
    if (name === 'append 1, expecting no_stream') back = list;
    const { step: _, ...said } = row;
    cases.push({
      name,
      said,
      got: {
        answer: await step(
          client,
          stream,
          name,
          expected,
          name.startsWith('the same') ? back : list,
        ),
        forwardsFromStart: await line(client, { of: ofStream(stream, 'start') }),
        backwardsFromEnd: await line(client, {
          of: ofStream(stream, 'end'),
          direction: 'backwards',
        }),
        forwardsFrom1: await line(client, { of: ofStream(stream, 1n) }),
        all: await line(client, {
          of: ofAll('start'),
          filter: encodeFilter({ prefixes: [stream] }),
        }),
        metastream: await line(client, { of: ofStream(`$$${stream}`, 'start') }),
      },
    });
  }
  const read = openRead(
    client,
    encodeRead({ of: ofAll('start'), filter: encodeFilter({ prefixes: ['$$s'] }) }),
  );
  await read.until(() => false, 10_000);
  const events = read.messages.flatMap((message) => message.getEvent()?.getEvent() ?? []);
  const texts = events.map((event) =>
    [
      shortName(event),
      Buffer.from(event.getData_asU8()).toString(),
      event.getMetadataMap().get('content-type'),
    ].join(' '),
  );
  const second = openRead(client, encodeRead({ of: ofStream('$$sq.', 'start') }));
  await second.until(() => false, 10_000);
  const metadataOfTheSecond = second.messages.flatMap((message) => {
    const data = message.getEvent()?.getEvent()?.getData_asU8();
    return data === undefined ? [] : [Buffer.from(data).toString()];
  });
  cases.push({
    name: 'metadata of the second stream',
    said: recording['metadataOfTheSecond'],
    got: metadataOfTheSecond,
  });
  cases.push({ name: 'metadata in $all', said: recording['metadataEventsIn$all'], got: texts });
  return cases;
}

async function step(
  client: Client,
  stream: string,
  name: string,
  expected: Expected,
  list: readonly ReturnType<typeof anEvent>[],
): Promise<unknown> {
  if (name.startsWith('Delete') || name.startsWith('Tombstone')) {
    const method = name.startsWith('Delete') ? 'Delete' : 'Tombstone';
    const { bytes, status } = await remove(client, method, stream, expected);
    return bytes === undefined ? describeStatus(status) : { ok: true };
  }
  const data = /^metadata (.*)$/.exec(name)?.[1];
  const answer = describeBatch(
    data === undefined
      ? await appendInBatch(client, stream, expected, list)
      : await appendInBatch(client, `$$${stream}`, 'any', [anEvent({ type: '$metadata', data })]),
    () => '',
    '5 s',
  );
  const { success } = answer;
  return success === undefined ? answer : { revision: objectOf(success)['revision'], ok: true };
}
