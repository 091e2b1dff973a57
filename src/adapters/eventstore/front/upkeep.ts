// Serves the calls of an archive: see wire/upkeep-messages.ts. Whoever may append may also delete streams, so these calls
// need no other right.
import type { sendUnaryData, ServerUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import type { StreamRemover } from '../../../domain/ports/stream-remover.ts';
import {
  decodeRemove,
  encodeRemoved,
  encodeSpace,
  REMOVE_STREAMS_PATH,
  SHRINK_PATH,
} from '../wire/upkeep-messages.ts';
import { invalidArgument, refusalOf } from './refusal.ts';

const asBytes = (bytes: Buffer): Buffer => bytes;

const unary = (path: string) => ({
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: asBytes,
  requestDeserialize: asBytes,
  responseSerialize: asBytes,
  responseDeserialize: asBytes,
});

export const upkeepService: ServiceDefinition = {
  removeStreams: unary(REMOVE_STREAMS_PATH),
  shrink: unary(SHRINK_PATH),
};

type Call = Pick<ServerUnaryCall<Buffer, Buffer>, 'request' | 'metadata'>;
type Done = sendUnaryData<Buffer>;

export function upkeepHandlers(engine: StreamRemover) {
  const answer = (done: Done, work: Promise<Buffer>): void => {
    work.then(
      (bytes) => {
        done(null, bytes);
      },
      (error: unknown) => {
        done(refusalOf(error));
      },
    );
  };
  return {
    removeStreams: ({ request }: Call, done: Done): void => {
      const groups = groupsIn(request);
      if (groups === undefined) done(invalidArgument('the streams to remove cannot be read'));
      else answer(done, engine.removeStreams(groups).then(encodeRemoved));
    },
    shrink: (_call: Call, done: Done): void => {
      answer(done, engine.shrink().then(encodeSpace));
    },
  };
}

function groupsIn(request: Buffer) {
  try {
    return decodeRemove(request);
  } catch {
    // Not a request of this version: the caller is told.
    return undefined;
  }
}
