// The version that a server names, and whether Tocsin can rely on it.
import featuresGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import { CallError, STATUS } from './call-error.ts';
import type { Link } from './link.ts';

const { getSupportedMethods } = featuresGrpc.ServerFeaturesService;

/** @returns `undefined` for servers before version 21, which have no such call. @throws CallError */
export async function serverVersion(link: Link, timeoutMs: number): Promise<string | undefined> {
  try {
    const answer = await link.ask(getSupportedMethods.path, Buffer.alloc(0), timeoutMs);
    return getSupportedMethods.responseDeserialize(answer).getEventStoreServerVersion();
  } catch (error) {
    if (error instanceof CallError && error.code === STATUS.unimplemented) return undefined;
    throw error;
  }
}
