// Ends a call at once. gRPC ends it behind the bytes that are not sent yet, which a client that reads nothing never takes.
import { constants } from 'node:http2';
import { Duplex } from 'node:stream';

/** The client is told `RESOURCE_EXHAUSTED`, and what it has not taken is dropped. */
export function resetCall(call: object): void {
  const stream = member(member(call, 'call'), 'stream');
  if (!(stream instanceof Duplex)) throw new Error('a call of gRPC has no stream of HTTP/2');
  const close = member(stream, 'close');
  if (typeof close !== 'function') throw new Error('a stream of HTTP/2 cannot be closed');
  Reflect.apply(close, stream, [constants.NGHTTP2_ENHANCE_YOUR_CALM]);
}

/** gRPC has no public way to its stream. */
function member(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? Reflect.get(of, name) : undefined;
}
