// From messages to delivery records. A message is taken out of the inbox when the record is durable,
// and before any attempt: from then on the broker has no part in it (W3).
import { z } from 'zod';
import { TocsinError } from '../../../domain/core/errors.ts';
import { deliveryStream } from '../../../domain/delivery/stream.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import type {
  RequestMessage,
  RequestStream,
  RequestQueue,
  Acknowledgement,
} from './request-queue.ts';
import { readControl } from '../../control/control.ts';
import type { Process } from '../due/process.ts';
import { tell, type RecordContext } from './record.ts';
import { readRequest, type FoundRequest } from './read-request.ts';

export type IntakeOptions = RecordContext & {
  readonly kernel: string;
  readonly inbox: RequestQueue;
  readonly logger?: Logger | undefined;
};

/** What a message must say; everything else is read from the log. */
const Place = z.object({
  id: z.uuid(),
  stream: z.string().min(1).max(512),
  revision: z.string().regex(/^\d{1,19}$/),
});

/** A stream that was made anew is named by the log within this many looks, a second apart. */
const LOOKS = 15;

/** Accepts every notification that was let through, once. */
export function intakeProcess(options: IntakeOptions): Process {
  return {
    name: 'delivery-intake',
    run(signal) {
      let foreign = 0;
      return options.inbox.run({
        signal,
        async check(stream) {
          const answer = await isOurs(options, stream);
          foreign = answer === 'foreign' ? foreign + 1 : 0;
          if (foreign > LOOKS) throw otherStream(stream);
          return answer === 'ours' ? 'go' : 'wait';
        },
        handle: (message) => intakeMessage(options, message),
      });
    },
  };
}

/** Takes one message: the log decides what it is about, and whether it is ours. */
export async function intakeMessage(
  options: IntakeOptions,
  message: RequestMessage,
): Promise<Acknowledgement> {
  const { headers } = message;
  const place = Place.safeParse({
    id: headers.get('ce-id'),
    stream: headers.get('Tocsin-Stream'),
    revision: headers.get('Tocsin-Revision'),
  });
  if (!place.success) return refuse(options, message, 'broken_headers');
  const { id, stream, revision } = place.data;
  const found = await readRequest(options.store, options.kernel, {
    stream,
    revision: BigInt(revision),
  });
  if (!found.ok) return refuse(options, message, found.error);
  if (found.value.notificationId !== id) return refuse(options, message, 'other_id');
  if (found.value.request.mock) return refuse(options, message, 'mock');
  await accept(options, found.value);
  return 'done';
}

/** Makes the record of a request, or finds it made. */
export async function accept(
  options: RecordContext & { readonly kernel: string },
  { notificationId, event, request }: FoundRequest,
): Promise<void> {
  const { userId, triggerType, channel, triggerId, previewId, requestedAt, expiresAt } = request;
  const stream = deliveryStream(options.kernel, userId, notificationId);
  const facts = {
    notificationId,
    userId,
    triggerType,
    mock: request.mock,
    channel,
    triggerId,
    previewId,
    source: { event: event.id, stream: event.stream, revision: String(event.revision) },
    requestedAt,
    expiresAt,
  };
  await tell(options, stream, { kind: 'accept', facts });
}

/**
 * The log names the stream that its messages are in. Another one would hold messages that this log
 * knows nothing of, and taking them out would lose them for their own.
 */
async function isOurs(
  { store, kernel }: IntakeOptions,
  { stream, created }: RequestStream,
): Promise<'ours' | 'none' | 'foreign'> {
  const output = await openedOutput(store, kernel);
  // A projector has not opened its list yet, or the store is away for the moment.
  if (output === undefined) return 'none';
  return output.stream === stream && output.created === created ? 'ours' : 'foreign';
}

/** What the log says of its output; an outage is waited out as everywhere, and ends no worker. */
async function openedOutput(store: IntakeOptions['store'], kernel: string) {
  try {
    return (await readControl(store, kernel)).output;
  } catch (error) {
    if (error instanceof TocsinError && error.kind === 'unavailable') return undefined;
    throw error;
  }
}

function otherStream({ stream, created }: RequestStream): TocsinError {
  return new TocsinError(
    'refused',
    'inbox_of_other_log',
    `the stream ${stream} (created ${created}) is not the one that this log writes`,
    { hint: 'Check --store, --nats and --stream: two of them belong to different set-ups.' },
  );
}

function refuse(options: IntakeOptions, message: RequestMessage, reason: string): Acknowledgement {
  const { logger = silentLogger } = options;
  const { sequence, subject } = message;
  const about = { sequence: String(sequence), subject, reason };
  logger.warn(about, 'a message is no notification of this log, and is not looked at again');
  return 'never';
}
