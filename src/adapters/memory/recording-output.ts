// The output port in memory, with the fence of JetStream and scripted faults. Several projectors may share one.
import { OutputError, type Output, type OutputMessage } from '../../projections/output.ts';
import type { StoredMessage } from '../../projections/output.ts';
import { recordingSession, store } from './session.ts';
import type { MemoryStream, PublishFault, Shared } from './session.ts';

export type { PublishFault } from './session.ts';

/** Settings of {@link recordingOutput}. */
export type RecordingOutputOptions = {
  /** Default `TOCSIN`. */
  readonly stream?: string | undefined;
  /** The stream exists already; its first `base` messages are purged. */
  readonly existing?:
    { readonly description?: string | undefined; readonly base?: bigint | undefined } | undefined;
};

/** An {@link Output} whose messages a test can read and whose faults it can script. */
export type RecordingOutput = Output & {
  /** The stored messages in order. */
  readonly messages: readonly StoredMessage[];
  /** How many sessions were opened, and how many of them are alive. */
  readonly sessions: { readonly opened: number; readonly live: number };
  /** How many messages the fence refused. */
  readonly refused: number;
  /** While false, `connect` fails as `unavailable`; setting it to false ends all sessions as `unavailable`. */
  reachable: boolean;
  /** The faults and warnings that `info` reports. */
  faults: readonly string[];
  warnings: readonly string[];
  /** Scripts a fault for the next publish of this sequence; it happens once. */
  readonly failAt: (sequence: bigint, fault: PublishFault) => void;
  /** Ends every session as `unavailable`; new ones can be opened. */
  readonly disconnect: () => void;
  /** Stores messages, but holds their acks until {@link RecordingOutput.releaseAcks}. */
  readonly holdAcks: () => void;
  readonly releaseAcks: () => void;
  /** Drops the last `count` messages, although they were acknowledged. */
  readonly dropLast: (count: number) => void;
  /** Deletes the stream. */
  readonly remove: () => void;
  /** Deletes the stream and creates it again: empty, with the same name and a new creation time. */
  readonly recreate: (description?: string) => void;
  /** Stores a message of another writer, by default without the product's headers. */
  readonly insertForeign: (message?: Partial<OutputMessage>) => void;
  /** Purges the messages up to this sequence, inclusive; later messages keep their sequences. */
  readonly purgeTo: (sequence: bigint) => void;
};

/** An output in memory. It fulfils the contract of {@link Output}, except that it ends with the process. */
export function recordingOutput(options: RecordingOutputOptions = {}): RecordingOutput {
  let creations = 0;
  const make = (description: string, base = 0n): MemoryStream => {
    const created = `2026-01-01T00:00:00.${String(++creations).padStart(9, '0')}Z`;
    return { created, description, base, messages: [] };
  };
  const { existing } = options;
  const shared: Shared = {
    name: options.stream ?? 'TOCSIN',
    current: existing && make(existing.description ?? '', existing.base),
    live: new Set(),
    script: new Map(),
    holding: false,
    refused: 0,
    reports: () => output,
    make,
  };
  const existingStream = (): MemoryStream => {
    if (shared.current === undefined) throw new Error('the recording output has no stream yet');
    return shared.current;
  };
  let [opened, reachable] = [0, true];
  const disconnect = (): void => {
    for (const session of [...shared.live]) {
      session.end({ kind: 'unavailable', message: 'the connection closed' });
    }
  };
  const output: RecordingOutput = {
    stream: shared.name,
    connect: async (signal) => {
      signal?.throwIfAborted();
      await Promise.resolve();
      if (!reachable) {
        throw new OutputError({ kind: 'unavailable', message: 'the output cannot be reached' });
      }
      opened += 1;
      return recordingSession(shared);
    },
    get messages() {
      return [...(shared.current?.messages ?? [])];
    },
    get sessions() {
      return { opened, live: shared.live.size };
    },
    get refused() {
      return shared.refused;
    },
    get reachable() {
      return reachable;
    },
    set reachable(value) {
      reachable = value;
      if (!value) disconnect();
    },
    faults: [],
    warnings: [],
    failAt: (sequence, fault) => void shared.script.set(sequence, fault),
    disconnect,
    holdAcks: () => {
      shared.holding = true;
    },
    releaseAcks: () => {
      shared.holding = false;
      for (const session of shared.live) session.resolveCalls();
    },
    dropLast: (count) => {
      const { messages } = existingStream();
      messages.splice(Math.max(0, messages.length - count));
    },
    remove: () => {
      shared.current = undefined;
    },
    recreate: (description = '') => {
      shared.current = make(description);
    },
    insertForeign: (message = {}) => {
      const foreign = { subject: 'foreign.message', headers: [], data: new Uint8Array(0) };
      store(existingStream(), { ...foreign, ...message });
    },
    purgeTo: (sequence) => {
      const stream = existingStream();
      while (stream.base < sequence && stream.messages.shift() !== undefined) stream.base += 1n;
    },
  };
  return output;
}
