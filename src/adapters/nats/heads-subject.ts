// Tree heads on a NATS subject. An operator's stream may keep them; Tocsin's own stream does not.
import { TocsinError } from '../../domain/core/errors.ts';
import type { HeadOutput } from '../../projections/notary/notary.ts';
import { closeConnection, openConnection } from './connection.ts';
import { unavailable } from './failures.ts';
import type { NatsConnectionOptions } from './options.ts';

/**
 * Publishes each head as JSON, with a connection of its own. The server has it when `give` returns; it may get one again.
 * @throws TocsinError `usage` for what is no subject
 */
export function headsSubject(options: NatsConnectionOptions, subject: string): HeadOutput {
  if (!/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/.test(subject)) {
    throw new TocsinError('usage', 'invalid_heads_subject', 'the subject of heads is not one', {
      hint: 'Use tokens of A-Z a-z 0-9 _ - with dots between, such as audit.heads.',
    });
  }
  return {
    name: `subject ${subject}`,
    async give(head, _leaves, signal) {
      const connection = await openConnection(options, signal);
      try {
        connection.client.publish(subject, JSON.stringify(head));
        await connection.client.flush();
      } catch (cause) {
        throw unavailable(`the head cannot be published at ${connection.servers}`, cause);
      } finally {
        await closeConnection(connection);
      }
    },
  };
}
