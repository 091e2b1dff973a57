// One gRPC call over HTTP/2: frames of messages in both directions, then the status in the trailers.
import { constants, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { Duplex } from 'node:stream';
import { CallError, STATUS } from './call-error.ts';

/** Servers may write events of 16 MiB for themselves; the official client sets the same limit. */
const MAX_MESSAGE_BYTES = 17 * 1024 * 1024;

/** A byte that says "not compressed", and four of length. */
const HEAD_BYTES = 5;

const HTTP_OK = 200;

/** What a proxy or a server that speaks no gRPC says, as the gRPC specification maps it. */
const CODE_OF_HTTP: Readonly<Record<number, number>> = {
  400: STATUS.internal,
  401: STATUS.unauthenticated,
  403: STATUS.permissionDenied,
  404: STATUS.unimplemented,
  429: STATUS.unavailable,
  502: STATUS.unavailable,
  503: STATUS.unavailable,
  504: STATUS.unavailable,
};

type Status = {
  readonly code: number;
  readonly message: string;
  readonly trailers: Record<string, string>;
};

/** Takes the bytes of messages and gives those of the answers. Ends, or is destroyed with a `CallError`. */
export class Call extends Duplex {
  readonly #stream: ClientHttp2Stream;
  #status: Status | undefined;

  /** @param lostWith the error of the call, once its connection is given up */
  constructor(stream: ClientHttp2Stream, lostWith: () => Error | undefined) {
    super({ objectMode: true });
    this.#stream = stream;
    // A reader that has left does not listen; without a listener an error would end the process.
    this.on('error', () => undefined);
    const read = frameReader((message) => this.push(message));
    let http = HTTP_OK;
    stream.on('response', (headers) => {
      http = headers[':status'] ?? http;
      // A call that fails before its first answer has its trailers here.
      this.#status = statusIn(headers);
    });
    stream.on('trailers', (trailers: IncomingHttpHeaders) => {
      this.#status = statusIn(trailers) ?? this.#status;
    });
    stream.on('data', (chunk: Buffer) => {
      try {
        if (!read(chunk)) stream.pause();
      } catch (error) {
        this.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    stream.on('end', () => {
      if (this.#status !== undefined) this.#finish(this.#status);
    });
    stream.on('error', (cause: Error) => {
      const message = `the connection was lost: ${cause.message}`;
      this.destroy(lostWith() ?? new CallError(STATUS.unavailable, message, { cause }));
    });
    stream.on('close', () => {
      if (this.#status !== undefined) this.#finish(this.#status);
      else this.destroy(lostWith() ?? withoutStatus(http, stream.rstCode));
    });
  }

  /** Ends the call at both sides with the error CANCELLED. */
  cancel(): void {
    this.destroy(new CallError(STATUS.cancelled, 'cancelled by the client'));
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(message: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#stream.write(framed([message]), done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#stream.write(framed(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: () => void): void {
    this.#stream.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#stream.closed) this.#stream.close(constants.NGHTTP2_CANCEL);
    // Answers that nobody reads any more would keep the stream.
    this.#stream.destroy();
    done(error);
  }

  #finish({ code, message, trailers }: Status): void {
    if (code === STATUS.ok) this.push(null);
    else this.destroy(new CallError(code, message, { trailers }));
  }
}

/** Collects chunks into messages. @returns a function that is false when the reader has enough for now */
function frameReader(give: (message: Buffer) => boolean): (chunk: Buffer) => boolean {
  let parts: Buffer[] = [];
  let have = 0;
  let need = HEAD_BYTES;
  return (chunk) => {
    parts.push(chunk);
    have += chunk.length;
    if (have < need) return true;
    const all = parts.length === 1 ? chunk : Buffer.concat(parts, have);
    let wantsMore = true;
    let at = 0;
    for (;;) {
      need = HEAD_BYTES;
      if (all.length - at < need) break;
      need += lengthAt(all, at);
      if (all.length - at < need) break;
      wantsMore = give(all.subarray(at + HEAD_BYTES, at + need));
      at += need;
    }
    parts = at < all.length ? [all.subarray(at)] : [];
    have = all.length - at;
    return wantsMore;
  };
}

function lengthAt(bytes: Buffer, at: number): number {
  if (bytes[at] !== 0) {
    throw new CallError(STATUS.internal, 'the event store sent a compressed message');
  }
  const length = bytes.readUInt32BE(at + 1);
  if (length <= MAX_MESSAGE_BYTES) return length;
  throw new CallError(
    STATUS.resourceExhausted,
    `the event store sent a message of ${length} bytes`,
  );
}

function framed(messages: readonly Buffer[]): Buffer {
  const size = messages.reduce((sum, { length }) => sum + HEAD_BYTES + length, 0);
  const target = Buffer.allocUnsafe(size);
  let at = 0;
  for (const message of messages) {
    at = target.writeUInt8(0, at);
    at = target.writeUInt32BE(message.length, at);
    at += message.copy(target, at);
  }
  return target;
}

function statusIn(headers: IncomingHttpHeaders): Status | undefined {
  const code = headers['grpc-status'];
  if (code === undefined) return undefined;
  const trailers: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) trailers[name] = String(value);
  }
  return { code: Number(code), message: decoded(trailers['grpc-message'] ?? ''), trailers };
}

/** Messages are percent-encoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function withoutStatus(http: number, rstCode: number): CallError {
  return http === HTTP_OK
    ? new CallError(STATUS.unavailable, `the call ended without a status (HTTP/2 code ${rstCode})`)
    : new CallError(
        CODE_OF_HTTP[http] ?? STATUS.unknown,
        `the server answered with the HTTP status ${http}`,
      );
}
