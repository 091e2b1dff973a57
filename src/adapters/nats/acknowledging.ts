// Whether acknowledgements reach the server. A server reports a denied acknowledgement later, and without naming
// the call. The queue then stops for ever at the consumer's limit of unacknowledged messages.
import type { NatsConnection } from 'nats';
import type { Logger } from '../../domain/ports/logger.ts';
import type { Connection } from './connection.ts';
import { permissionError } from './failures.ts';

const ACK_PREFIX = '$JS.ACK.';

/** Acknowledged sequences that are remembered, to recognise a message that comes again. */
const REMEMBERED = 4_096;
/** Redeliveries are logged once in this time. */
const LOG_EVERY_MS = 60_000;

/** Calls `denied` with each subject to which the server denies a publish, until the connection closes. */
async function watchDenials(
  client: NatsConnection,
  denied: (subject: string) => void,
): Promise<void> {
  for await (const { permissionContext } of client.status()) {
    if (permissionContext?.operation === 'publish') denied(permissionContext.subject);
  }
}

export type AckWatch = {
  /** To be called for each message that arrives. */
  readonly arrived: (sequence: bigint) => void;
  /** To be called when the message is acknowledged. */
  readonly acknowledged: (sequence: bigint) => void;
};

/** Logs acknowledgements that do not arrive: those that the server denies, and messages that come again after one. */
export function watchAcks({ client, servers }: Connection, logger: Logger): AckWatch {
  const remembered = new Set<bigint>();
  let isDenied = false;
  let again = 0;
  let loggedAt = -Infinity;
  void watchDenials(client, (subject) => {
    if (isDenied || !subject.startsWith(ACK_PREFIX)) return;
    isDenied = true;
    const { message, hint } = ackDenied(servers);
    logger.error({ subject, hint }, message);
  });
  return {
    arrived(sequence) {
      if (!remembered.has(sequence)) return;
      again += 1;
      const now = performance.now();
      if (now - loggedAt < LOG_EVERY_MS) return;
      loggedAt = now;
      const about = { sequence: String(sequence), redelivered: again };
      logger.warn(
        about,
        'messages come again after their acknowledgement: it did not reach the server',
      );
      again = 0;
    },
    acknowledged(sequence) {
      remembered.delete(sequence);
      remembered.add(sequence);
      const [oldest] = remembered;
      if (remembered.size > REMEMBERED && oldest !== undefined) remembered.delete(oldest);
    },
  };
}

function ackDenied(servers: string) {
  const cause = `acknowledgements (${ACK_PREFIX}>); deliveries stop after a thousand`;
  return permissionError(servers, cause);
}
