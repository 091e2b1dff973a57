// A connection to one node, and the calls on it. It replaces the channel of `@grpc/grpc-js` and the connection of
// the official client, whose service definitions it uses:
// - the client stays with a node that was cut off from its cluster, and answers nothing for as long as the cut lasts;
// - while no leader is there, promises of its discovery reject without a handler and end the host's process;
// - it replaces the cause of a failed TLS handshake with "Failed to discover after 3 attempts";
// - gRPC cannot end a dial: a handshake that hangs, or a host that drops packets, keeps the process alive for minutes;
// - gRPC sends IP addresses as TLS server names, about which Node warns, and shares its pauses between connections to
//   one address, so that a new dial waits for the pause of an old one.
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Position } from '../../../domain/core/positions.ts';
import { CallError, STATUS } from './call-error.ts';
import { Call } from './call.ts';
import type { ServiceDefinitions } from './client.ts';
import type { Member } from './choose-node.ts';
import { endpointName, type Endpoint } from './endpoint.ts';
import { decodeReadAnswer } from './read-answers.ts';
import { logRead } from './requests.ts';

type Cancellable = { readonly cancel: () => void };

/** The server's answers to one read or subscription, each the bytes of a `ReadResp`. */
export type ReadCall = Omit<Duplex, 'write' | 'end'> & Cancellable;

/** Writes the bytes of `BatchAppendReq` messages and receives those of `BatchAppendResp` messages. */
export type AppendCall = Duplex & Cancellable;

const HEAD = logRead('backwards', 'end', [], 1);

/** A server that shuts down may answer the calls under way; a live subscription would stay silent for seconds. */
const DRAIN_MS = 1_000;

export type LinkOptions = {
  readonly definitions: ServiceDefinitions;
  /** Sent with each call: the connection's name, and the credentials. */
  readonly headers: OutgoingHttpHeaders;
  /** Milliseconds between two pings while calls are under way; below 0: none. */
  readonly keepAliveInterval: number;
  /** Milliseconds until a ping without an answer ends the link; below 0: never. */
  readonly keepAliveTimeout: number;
  /** A read, a subscription or the stream of appends failed, other than by `cancel`. */
  readonly onFailure: (link: Link, error: CallError) => void;
};

/** One HTTP/2 connection to one node. It is never opened again: when it is lost, another link replaces it. */
export class Link {
  readonly endpoint: Endpoint;
  /** True once the node has said that its cluster has no other member. */
  isAlone = false;
  /** The name that the members have for the node, where this is known and another than `endpoint`. */
  knownAs: Endpoint | undefined;
  readonly #session: ClientHttp2Session;
  readonly #options: LinkOptions;
  readonly #definitions: ServiceDefinitions;
  readonly #retiring = new AbortController();
  /** Why the link was given up; all its calls end with this error. */
  #reason: Error | undefined;
  readonly #keepAlive: NodeJS.Timeout | undefined;
  #requiresLeader = false;
  #calls = 0;

  constructor(endpoint: Endpoint, session: ClientHttp2Session, options: LinkOptions) {
    this.endpoint = endpoint;
    this.#session = session;
    this.#options = options;
    this.#definitions = options.definitions;
    session.once('close', () => {
      this.close(lost(this.endpoint, 'the connection was lost'));
    });
    session.once('goaway', () => {
      this.#retiring.abort();
      const reason = lost(this.endpoint, 'the server shuts down');
      setTimeout(() => {
        this.close(reason);
      }, DRAIN_MS).unref();
    });
    const { keepAliveInterval, keepAliveTimeout } = options;
    if (keepAliveInterval > 0 && keepAliveTimeout > 0) {
      this.#keepAlive = setInterval(() => {
        this.#ping(keepAliveTimeout);
      }, keepAliveInterval).unref();
    }
  }

  /** Aborted once new calls belong on another link: it is given up, or its server shuts down. */
  get retired(): AbortSignal {
    return this.#retiring.signal;
  }

  /** From now on a node that is not the leader refuses the calls of this link, and names the leader. */
  requireLeader(): void {
    this.#requiresLeader = true;
  }

  /** Starts a read or a subscription. @throws CallError when the link is lost */
  startRead(request: Buffer): ReadCall {
    const call = this.#start(this.#definitions.read.path);
    call.end(request);
    return call;
  }

  /** Starts a stream of appends. @throws CallError when the link is lost */
  startAppends(): AppendCall {
    return this.#start(this.#definitions.batchAppend.path);
  }

  /** What the node knows about the members of its cluster. @throws CallError */
  async gossip(timeoutMs: number): Promise<readonly Member[]> {
    const { gossip } = this.#definitions;
    return membersIn(gossip, await this.ask(gossip.path, Buffer.alloc(0), timeoutMs));
  }

  /** Reads something that only a leader answers. @throws CallError */
  async askLeader(request: Buffer, timeoutMs: number): Promise<void> {
    await this.#ask(this.#definitions.read.path, request, true, timeoutMs);
  }

  /** The first answer to a question that any node may answer. @throws CallError */
  ask(path: string, request: Buffer, timeoutMs: number): Promise<Buffer> {
    return this.#ask(path, request, false, timeoutMs);
  }

  /** The version that the node names, if it names one. @throws CallError */
  async version(timeoutMs: number): Promise<string> {
    const { features } = this.#definitions;
    const answer = await this.ask(features.path, Buffer.alloc(0), timeoutMs);
    return features.responseDeserialize(answer).getEventStoreServerVersion();
  }

  /** The position of the last event that the node has; `undefined` for an empty log. @throws CallError */
  async head(timeoutMs: number): Promise<Position | undefined> {
    const answer = decodeReadAnswer(await this.ask(this.#definitions.read.path, HEAD, timeoutMs));
    return answer.kind === 'event' ? answer.event.position : undefined;
  }

  /** Ends all calls with the reason, and the connection. */
  close(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    clearInterval(this.#keepAlive);
    this.#retiring.abort(reason);
    this.#session.destroy();
  }

  #start(path: string): Call {
    const call = this.#open(path, this.#requiresLeader);
    this.#calls += 1;
    // Only calls keep the process alive, not the connection.
    if (this.#calls === 1) this.#session.ref();
    call.once('error', (error) => {
      if (error instanceof CallError && error.code !== STATUS.cancelled)
        this.#options.onFailure(this, error);
    });
    call.once('close', () => {
      this.#calls -= 1;
      if (this.#calls === 0 && !this.#session.destroyed) this.#session.unref();
    });
    return call;
  }

  /** The first answer. A question does not keep the process alive. */
  async #ask(path: string, request: Buffer, ofLeader: boolean, timeoutMs: number): Promise<Buffer> {
    const call = this.#open(path, ofLeader);
    const timer = setTimeout(() => {
      call.destroy(new CallError(STATUS.deadlineExceeded, `no answer within ${timeoutMs} ms`));
    }, timeoutMs);
    timer.unref();
    try {
      call.end(request);
      return await new Promise<Buffer>((resolve, reject) => {
        call.once('data', resolve);
        call.once('error', reject);
        call.once('end', () => {
          reject(new CallError(STATUS.unknown, 'the answer is empty'));
        });
      });
    } finally {
      clearTimeout(timer);
      call.destroy();
    }
  }

  #open(path: string, ofLeader: boolean): Call {
    if (this.#reason !== undefined) throw this.#reason;
    try {
      const stream = this.#session.request({
        ...this.#options.headers,
        ...(ofLeader ? { 'requires-leader': 'true' } : {}),
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      return new Call(stream, () => this.#reason);
    } catch (cause) {
      throw new CallError(STATUS.unavailable, lost(this.endpoint, 'no new call').message, {
        cause,
      });
    }
  }

  #ping(timeoutMs: number): void {
    if (this.#calls === 0 || this.#session.destroyed) return;
    const timer = setTimeout(() => {
      // A process that was busy for long reads the answer only after its timers have run.
      setImmediate(() => {
        if (!answered) this.close(lost(this.endpoint, `no answer to a ping for ${timeoutMs} ms`));
      });
    }, timeoutMs);
    timer.unref();
    let answered = false;
    this.#session.ping(() => {
      answered = true;
      clearTimeout(timer);
    });
  }
}

function lost(endpoint: Endpoint, why: string): CallError {
  return new CallError(STATUS.unavailable, `${endpointName(endpoint)}: ${why}`);
}

function membersIn(gossip: ServiceDefinitions['gossip'], answer: Buffer): readonly Member[] {
  return gossip
    .responseDeserialize(answer)
    .getMembersList()
    .flatMap((member) => {
      const at = member.getHttpEndPoint();
      if (at === undefined) return [];
      const endpoint = { address: at.getAddress(), port: at.getPort() };
      return [{ endpoint, state: member.getState(), isAlive: member.getIsAlive() }];
    });
}
