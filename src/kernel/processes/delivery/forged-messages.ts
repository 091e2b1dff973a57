// Waits for the evidence that a message is genuine, and refuses one that is not.
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import { noTelemetry, type Telemetry } from '../../../domain/ports/telemetry.ts';
import { knownControl } from '../../control/known-control.ts';
import type { DeliveryContext } from './delivery-decider.ts';
import type { DeliveryIndex } from './delivery-index.ts';
import { judge, type Evidence, type Forgery, type ReadControl } from './genuine.ts';
import type { FoundRequest } from './read-request.ts';
import type { Acknowledgement, RequestMessage } from './request-queue.ts';

/** How long a message waits for its verdict in one try, and in all: a stopped projection must not stop deliveries. */
const VERDICT_WAIT_MS = 1_000;
const VERDICT_WAIT_IN_ALL_MS = 60_000;
const FIRST_PAUSE_MS = 5;
/** Messages that are remembered as waiting; an older one begins to wait again. */
const MAX_WAITING = 10_000;

/** What a worker remembers from one message to the next. */
export type Memory = {
  /** When messages whose verdict is not known came first, by sequence; in milliseconds of the runtime. */
  readonly waiting: Map<bigint, number>;
  /** Reads what is new in the control stream: there may be many messages to judge, and each is judged several times. */
  readonly readControl: ReadControl;
};

export function emptyMemory(options: Pick<ForgeryOptions, 'store' | 'kernel'>): Memory {
  const control = knownControl(options);
  return {
    waiting: new Map(),
    readControl: async () => (await control.read()).loaded.state,
  };
}

export type ForgeryOptions = Evidence &
  Pick<DeliveryContext, 'store' | 'runtime'> & {
    readonly kernel: string;
    /** Counts forged messages. */
    readonly list?: Pick<DeliveryIndex, 'addForged'> | undefined;
    readonly logger?: Logger | undefined;
    readonly telemetry?: Telemetry | undefined;
  };

/** The projector publishes a message and commits its verdict right afterwards, so a verdict may be a moment away. */
export async function judgeInTime(
  options: ForgeryOptions,
  message: RequestMessage,
  found: FoundRequest,
  signal: AbortSignal | undefined,
  { waiting, readControl }: Memory,
): Promise<'genuine' | 'undecided' | Forgery> {
  const { keys, letThrough, runtime } = options;
  const evidence = { keys, letThrough };
  const startedAt = runtime.elapsed();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
    const since = waiting.get(message.sequence) ?? startedAt;
    const mayWait = runtime.elapsed() - since < VERDICT_WAIT_IN_ALL_MS;
    const judgement = await judge(message, found, evidence, readControl, mayWait);
    if (judgement !== 'undecided' || signal?.aborted === true) return judgement;
    if (runtime.elapsed() - startedAt >= VERDICT_WAIT_MS) {
      if (waiting.size < MAX_WAITING) waiting.set(message.sequence, since);
      return judgement;
    }
    await runtime.pause(pauseMs, signal);
  }
}

/** Says that nothing is sent for a message, and counts it. */
export function refuse(
  options: ForgeryOptions,
  { sequence, subject }: RequestMessage,
  notificationId: string,
  reason: Forgery,
): Acknowledgement {
  const { list, logger = silentLogger, runtime, telemetry = noTelemetry } = options;
  telemetry.count('tocsin.intake.messages', { outcome: 'forged' });
  list?.addForged({ sequence, notificationId, reason, at: runtime.now() });
  logger.error(
    { sequence: String(sequence), subject, notificationId, reason },
    'the projector has not sent this message, and nothing is sent for it: see who may publish into the stream',
  );
  return 'term';
}
