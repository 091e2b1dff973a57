// The output port in memory, with the fence of the real one and scripted faults. Sessions of several
// projectors may share one, as they would share a stream. Published as part of 'tocsin/testing'.
import {
  OutputError,
  type Output,
  type OutputMessage,
  type StoredMessage,
} from '../../projections/output.ts';
import { RecordingSession, type PublishFault, type Shared } from './session.ts';
import { MemoryStream } from './stream.ts';

export type { PublishFault } from './session.ts';

/** Settings of {@link recordingOutput}. */
export type RecordingOutputOptions = {
  /** Default `TOCSIN`. */
  readonly stream?: string | undefined;
  /** Given, the stream exists already, perhaps after `base` messages that are no longer held. */
  readonly existing?:
    { readonly description?: string | undefined; readonly base?: bigint | undefined } | undefined;
};

/** An {@link Output} that can be looked into and broken. */
export type RecordingOutput = Output & {
  /** What is stored now, in order. */
  readonly messages: readonly StoredMessage[];
  /** How many sessions were opened so far, and how many of them are still alive. */
  readonly sessions: { readonly opened: number; readonly live: number };
  /** How many messages the fence refused so far. */
  readonly refused: number;
  /** While false, `connect` fails as `unavailable`; setting it to false ends all sessions so. */
  reachable: boolean;
  /** What `info` reports from now on. */
  faults: readonly string[];
  warnings: readonly string[];
  /** Scripts a fault for the next publish of this sequence; it happens once. */
  readonly failAt: (sequence: bigint, fault: PublishFault) => void;
  /** Ends every session as `unavailable`; new ones can be opened. */
  readonly disconnect: () => void;
  /** Messages are stored, but their acks kept back until {@link RecordingOutput.releaseAcks}. */
  readonly holdAcks: () => void;
  readonly releaseAcks: () => void;
  /** The server loses the last `count` messages although it acknowledged them. */
  readonly dropLast: (count: number) => void;
  /** The stream is deleted. */
  readonly remove: () => void;
  /** The stream is deleted and made again, empty: same name, new creation time. */
  readonly recreate: (description?: string) => void;
  /** Somebody else stores a message, by default one without our headers. */
  readonly insertForeign: (message?: Partial<OutputMessage>) => void;
  /** Messages up to and including this sequence are gone; sequences stay. */
  readonly purgeTo: (sequence: bigint) => void;
};

/** An output in memory. It promises what {@link Output} promises, except to outlive the process. */
export function recordingOutput(options: RecordingOutputOptions = {}): RecordingOutput {
  let creations = 0;
  const make = (description: string, base = 0n): MemoryStream =>
    new MemoryStream(
      `2026-01-01T00:00:00.${String(++creations).padStart(9, '0')}Z`,
      description,
      base,
    );
  const { existing } = options;
  const shared: Shared = {
    name: options.stream ?? 'TOCSIN',
    current: existing && make(existing.description ?? '', existing.base),
    live: new Set(),
    script: new Map(),
    holding: false,
    refused: 0,
    faults: [],
    warnings: [],
    make,
  };
  let [opened, reachable] = [0, true];
  const disconnect = (): void => {
    for (const session of [...shared.live]) {
      session.end({ kind: 'unavailable', message: 'the connection closed' });
    }
  };
  return {
    stream: shared.name,
    connect: async (signal) => {
      signal?.throwIfAborted();
      await Promise.resolve();
      if (!reachable) {
        throw new OutputError({ kind: 'unavailable', message: 'the output cannot be reached' });
      }
      opened += 1;
      return new RecordingSession(shared);
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
    get faults() {
      return shared.faults;
    },
    set faults(value) {
      shared.faults = value;
    },
    get warnings() {
      return shared.warnings;
    },
    set warnings(value) {
      shared.warnings = value;
    },
    failAt: (sequence, fault) => void shared.script.set(sequence, fault),
    disconnect,
    holdAcks: () => {
      shared.holding = true;
    },
    releaseAcks: () => {
      shared.holding = false;
      for (const session of shared.live) session.settle();
    },
    dropLast: (count) => {
      mustExist(shared).dropLast(count);
    },
    remove: () => {
      shared.current = undefined;
    },
    recreate: (description = '') => {
      shared.current = make(description);
    },
    insertForeign: (message = {}) => {
      const foreign = { subject: 'foreign.message', headers: [], data: new Uint8Array(0) };
      mustExist(shared).store({ ...foreign, ...message });
    },
    purgeTo: (sequence) => {
      mustExist(shared).purgeTo(sequence);
    },
  };
}

function mustExist({ current }: Shared): MemoryStream {
  if (current === undefined) throw new Error('the recording output has no stream yet');
  return current;
}
