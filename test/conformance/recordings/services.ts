// The recording services: an empty message to every method of every service.
import type { Client, StatusObject } from '@grpc/grpc-js';
import featuresPb from '@eventstore/db-client/generated/serverfeatures_pb.js';
import { rowsIn, objectOf, textIn, type Case, type Recording } from './format.ts';
import { describeStatus } from './calls.ts';

const asIs = (bytes: Buffer): Buffer => bytes;
const NOTHING = Buffer.alloc(0);

export async function services(client: Client, recording: Recording): Promise<Case[]> {
  const cases: Case[] = [];
  for (const row of rowsIn(recording['table'])) {
    const path = textIn(row, 'path');
    const got = await emptyMessage(client, path);
    cases.push({ name: path, said: row['emptyMessage'], got });
  }
  const answer = await new Promise<Buffer>((resolve, reject) => {
    const path = '/event_store.client.server_features.ServerFeatures/GetSupportedMethods';
    client.makeUnaryRequest(path, asIs, asIs, NOTHING, (error, value) => {
      if (error !== null || value === undefined) reject(error ?? new Error('no answer'));
      else resolve(value);
    });
  });
  const methods = featuresPb.SupportedMethods.deserializeBinary(answer);
  const said = objectOf(recording['supportedMethods']);
  const named = methods.getMethodsList().map((method) => {
    const features = method.getFeaturesList();
    const name = `${method.getServiceName()}/${method.getMethodName()}`;
    return features.length === 0 ? name : `${name} (${features.join(', ')})`;
  });
  const streams = (list: unknown): unknown[] =>
    Array.isArray(list)
      ? list.filter((one) => String(one).includes('streams.streams/')).toSorted()
      : [];
  cases.push({
    name: 'supported methods of streams',
    said: streams(said['methods']),
    got: streams(named),
  });
  cases.push({
    name: 'version',
    said: String(said['version']).split('.').slice(0, 2),
    got: methods.getEventStoreServerVersion().split('.').slice(0, 2),
  });
  return cases;
}

function emptyMessage(client: Client, path: string): Promise<unknown> {
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + 2_500 };
    const call = client.makeBidiStreamRequest(path, asIs, asIs, options);
    let answers = 0;
    call.on('data', () => {
      answers += 1;
    });
    call.on('error', () => undefined);
    call.on('status', (status: StatusObject) => {
      const described = describeStatus(status);
      const within = described.code === 'DEADLINE_EXCEEDED' ? '<5 s' : '<50 ms';
      resolve({ answers, status: described, within });
    });
    call.write(NOTHING);
    call.end();
  });
}
