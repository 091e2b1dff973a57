// A session of the in-memory output: it ends with its first failure, as a session of JetStream does.
import {
  OutputError,
  type OutputFailure,
  type OutputInfo,
  type OutputMessage,
  type OutputSession,
  type StoredMessage,
} from '../../projections/output.ts';

/** One stream; a recreated stream is another object. */
export type MemoryStream = {
  readonly created: string;
  readonly description: string;
  /** The last purged sequence. */
  base: bigint;
  readonly messages: StoredMessage[];
};

function lastSequence({ base, messages }: MemoryStream): bigint {
  return base + BigInt(messages.length);
}

/** Stores a copy of the message, since its bytes belong to the caller. */
export function store(stream: MemoryStream, message: OutputMessage): void {
  stream.messages.push({
    sequence: lastSequence(stream) + 1n,
    subject: message.subject,
    headers: new Map(message.headers),
    data: Uint8Array.from(message.data),
  });
}

/** The fault at a scripted message. */
export type PublishFault =
  /** The message is stored, its ack never comes, the session ends as `unavailable`. */
  | 'ack_lost'
  /** The message is not stored and the session ends with this; the fence refuses the messages after it. */
  | OutputFailure;

/** The state that the sessions of one output share. */
export type Shared = {
  readonly name: string;
  current: MemoryStream | undefined;
  readonly live: Set<RecordingSession>;
  readonly script: Map<bigint, PublishFault>;
  /** True while acks are held. */
  holding: boolean;
  /** How many messages the fence refused. */
  refused: number;
  readonly reports: () => Pick<OutputInfo, 'faults' | 'warnings'>;
  readonly make: (description: string) => MemoryStream;
};

export type RecordingSession = OutputSession & {
  /** Resolves the pending calls, unless acks are held; failures are never held. */
  readonly resolveCalls: () => void;
  /** Ends the session; only the first failure counts. */
  readonly end: (failure: OutputFailure) => void;
};

type Call = {
  readonly result: PromiseWithResolvers<void>;
  /** The first failure among its messages. */
  readonly failure: OutputFailure | undefined;
};

export function recordingSession(shared: Shared): RecordingSession {
  const pending: Call[] = [];
  let accepted = 0n;
  let ended: OutputError | undefined;
  // Answers come asynchronously, as over a network, and fail after the session's end.
  const nextAnswer = async (): Promise<void> => {
    await Promise.resolve();
    if (ended !== undefined) throw ended;
  };
  const end = (failure: OutputFailure): void => {
    if (ended !== undefined) return;
    ended = new OutputError(failure);
    shared.live.delete(session);
    for (const { result } of pending.splice(0)) result.reject(ended);
  };
  const resolveCalls = (): void => {
    const failed = pending.find(({ failure }) => failure !== undefined);
    while (!shared.holding && pending.length > 0 && pending[0] !== failed) {
      pending.shift()?.result.resolve();
    }
    if (failed?.failure !== undefined) end(failed.failure);
  };
  const orderFailure = (first: bigint): OutputFailure | undefined => {
    if (first < 1n) return { kind: 'rejected', message: `sequence ${first} is not a sequence` };
    if (pending.length === 0 || first === accepted + 1n) return undefined;
    const message = `publishing at ${first} while ${accepted} is the last pending`;
    return { kind: 'rejected', message };
  };
  const session: RecordingSession = {
    async info() {
      await nextAnswer();
      return shared.current && infoOf(shared, shared.current);
    },
    async create(description) {
      await nextAnswer();
      const current = (shared.current ??= shared.make(description));
      if (current.description === description) return infoOf(shared, current);
      const message = 'the stream cannot be created: its name is in use with other settings';
      throw new OutputError({ kind: 'rejected', message });
    },
    async read(sequence) {
      await nextAnswer();
      return shared.current?.messages.find((message) => message.sequence === sequence);
    },
    publish(firstSequence, messages) {
      const result: PromiseWithResolvers<void> = Promise.withResolvers();
      // A rejection that no caller awaits must not end the process.
      result.promise.catch(() => undefined);
      if (ended !== undefined) result.reject(ended);
      else if (messages.length === 0) result.resolve();
      else {
        const failure = orderFailure(firstSequence) ?? storeAll(shared, firstSequence, messages);
        accepted = firstSequence + BigInt(messages.length) - 1n;
        pending.push({ result, failure });
        // Acks come later, so that messages sent until then reach the stream, as over a network.
        queueMicrotask(resolveCalls);
      }
      return result.promise;
    },
    resolveCalls,
    end,
    async [Symbol.asyncDispose]() {
      end({ kind: 'unavailable', message: 'the session was closed' });
      await Promise.resolve();
    },
  };
  shared.live.add(session);
  return session;
}

/** The first failure. A server checks each message on its own, also those after a refused message. */
function storeAll(
  shared: Shared,
  first: bigint,
  messages: readonly OutputMessage[],
): OutputFailure | undefined {
  return messages
    .map((message, i) => storeOne(shared, first + BigInt(i), message))
    .find((failure) => failure !== undefined);
}

function storeOne(
  shared: Shared,
  sequence: bigint,
  message: OutputMessage,
): OutputFailure | undefined {
  const { current, script } = shared;
  const fault = script.get(sequence);
  script.delete(sequence);
  if (fault !== undefined && fault !== 'ack_lost') return fault;
  const refused = `message ${sequence} was refused`;
  if (current === undefined) {
    return { kind: 'unavailable', message: `${refused}: no stream takes its subject` };
  }
  const last = lastSequence(current);
  if (last !== sequence - 1n) {
    shared.refused += 1;
    return { kind: 'fenced', message: `${refused}: wrong last sequence: ${last}` };
  }
  store(current, message);
  return fault && { kind: 'unavailable', message: `no ack after ${sequence - 1n}` };
}

function infoOf({ name, reports }: Shared, stream: MemoryStream): OutputInfo {
  const { created, description, base } = stream;
  const { faults, warnings } = reports();
  const sequences = { firstSequence: base + 1n, lastSequence: lastSequence(stream) };
  return { stream: name, created, description, ...sequences, faults, warnings };
}
