// Finds the subjects that the server denies to this user. No subscriber gets a message from this test.
import { setImmediate } from 'node:timers/promises';
import { closeConnection, openConnection, type Connection } from './connection.ts';
import { unavailable } from './failures.ts';
import type { NatsConnectionOptions } from './options.ts';

/**
 * A reply subject that belongs to servers. A server checks the right to publish first, and then refuses every message
 * of a client that has such a reply. So the answer tells the right, and nobody gets the message.
 */
const RESERVED_REPLY = '_R_.tocsin-doctor';

/** A subject of which the server must refuse the probe, before other subjects are tried. */
const FIRST_PROBE = '$JS.API.INFO';

export type Denied = {
  /** Subjects to which this user may not publish. */
  readonly publish: readonly string[];
  /** True when this user gets no answers, because the server denies the subscription of its inbox. */
  readonly inbox: boolean;
};

/**
 * Tries the right to publish to each subject, and the right to subscribe to the inbox. The server's log has a line for
 * each subject, and nothing else changes.
 *
 * @throws OutputError `unavailable` when a server does not refuse the first probe; else like `openConnection`
 */
export async function deniedSubjects(
  options: NatsConnectionOptions,
  subjects: readonly string[],
  signal?: AbortSignal,
): Promise<Denied> {
  const connection = await openConnection(options, signal);
  try {
    const seen = watchRefusals(connection);
    connection.client.subscribe(`${connection.inbox}.probe`, { callback: () => undefined });
    await probe(connection, [FIRST_PROBE]);
    if (seen.refused === 0) {
      throw unavailable(`${connection.servers} does not say which permissions this user has`);
    }
    await probe(connection, subjects);
    return { publish: subjects.filter((subject) => seen.publish.has(subject)), inbox: seen.inbox };
  } finally {
    await closeConnection(connection);
  }
}

async function probe({ client }: Connection, subjects: readonly string[]): Promise<void> {
  for (const subject of subjects) client.publish(subject, '', { reply: RESERVED_REPLY });
  // The server answers a refused publish before it answers the ping of a flush.
  await client.flush();
  await setImmediate();
}

type Refusals = { refused: number; inbox: boolean; readonly publish: ReadonlySet<string> };

function watchRefusals({ client }: Connection): Refusals {
  const publish = new Set<string>();
  const seen: Refusals = { refused: 0, inbox: false, publish };
  const watch = async (): Promise<void> => {
    for await (const { type, permissionContext } of client.status()) {
      const name: string = type;
      if (name !== 'error') continue;
      if (permissionContext?.operation === 'subscription') seen.inbox = true;
      else seen.refused += 1;
      if (permissionContext?.operation === 'publish') publish.add(permissionContext.subject);
    }
  };
  // It ends with the connection.
  void watch();
  return seen;
}
