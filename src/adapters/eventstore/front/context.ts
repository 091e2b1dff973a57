// What the handlers of all calls share.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Telemetry } from '../../../domain/ports/telemetry.ts';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { AppendRequest } from '../common/append-request.ts';
import type { EmbeddedEngine } from '../embedded/open.ts';
import { heldBytes, type HeldBytes } from './held-bytes.ts';
import { WRITE_TIMEOUT_MS } from './limits.ts';
import type { OutgoingBytes } from './outgoing-bytes.ts';
import type { Like } from './server-version.ts';

export type FrontContext = {
  readonly engine: Pick<EmbeddedEngine, 'append' | 'rows' | 'commits'>;
  readonly like: Like;
  readonly phases: Phases;
  /** Aborted when the server closes. */
  readonly closing: AbortSignal;
  readonly state: ServerState;
  readonly telemetry: Telemetry;
  /** The bytes of all appends that are not written. */
  readonly held: HeldBytes;
  /** The unsent bytes of all readers. */
  readonly outgoing: OutgoingBytes;
};

/** How long the parts of an append may take, in milliseconds. */
export type Phases = {
  /** An append that is not written within this time is answered as timed out. */
  readonly writeMs: number;
  /** From the first fragment of a batch append to its last. */
  readonly partsMs: number;
  /** Until a repeat without an answer of its own is answered as timed out. */
  readonly repeatMs: number;
};

/** What tests change while the front imitates a server. */
export type ServerState = {
  /** While false, the server says that it is not ready. */
  isReady: boolean;
  /** The position up to which the log was scavenged; 0 for none. */
  scavengedTo: bigint;
};

/** A server gives each of them two seconds. */
const PHASES_OF_SERVERS: Phases = { writeMs: 2_000, partsMs: 2_000, repeatMs: 2_000 };
const OWN_PHASES: Phases = {
  writeMs: WRITE_TIMEOUT_MS,
  partsMs: WRITE_TIMEOUT_MS,
  repeatMs: WRITE_TIMEOUT_MS,
};

export function frontContext(
  engine: EmbeddedEngine,
  like: Like,
  closing: AbortSignal,
  state: ServerState,
  given: Partial<Phases> = {},
): Omit<FrontContext, 'telemetry' | 'outgoing'> {
  const held = heldBytes();
  if (like === undefined) {
    return { engine, like, phases: { ...OWN_PHASES, ...given }, closing, state, held };
  }
  const { rows, commits } = engine;
  const phases = { ...PHASES_OF_SERVERS, ...given };
  const append = appendAsServer(engine.append, phases.repeatMs, closing);
  return {
    engine: { append, rows, commits },
    like,
    phases,
    closing,
    state,
    held,
  };
}

/** A server gives no answer to a repeat that comes while the first append is being written: it times out. */
function appendAsServer(
  append: EmbeddedEngine['append'],
  repeatMs: number,
  closing: AbortSignal,
): EmbeddedEngine['append'] {
  const underWay = new Set<string>();
  return async (request, deadlineMs) => {
    const key = keyOf(request);
    if (underWay.has(key)) {
      // Ends early when the server closes.
      await sleep(Math.min(deadlineMs, repeatMs), undefined, { signal: closing }).catch(
        () => undefined,
      );
      return COMMIT_TIMEOUT;
    }
    underWay.add(key);
    try {
      const result = await append(request, deadlineMs);
      return result.outcome === 'unknown' ? COMMIT_TIMEOUT : result;
    } finally {
      underWay.delete(key);
    }
  };
}

const COMMIT_TIMEOUT: AppendResult = { outcome: 'unknown', message: 'Commit phase timeout.' };

function keyOf({ stream, events }: AppendRequest): string {
  // Without events there is no repeat.
  return `${stream} ${events[0]?.id ?? crypto.randomUUID()}`;
}
