// Correctness, counted: what each side doubles or loses when it is killed midway and started again.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, nanos, type JetStreamManager } from 'nats';

export type Counted = { readonly lost: number; readonly doubled: number };

/** The shortest that a server allows; an outage longer than the two minutes of the default has the same effect. */
const DUPLICATE_WINDOW_MS = 100;
const KILLS = 3;

/**
 * Runs a child to its end, killed on the way, and counts the stored messages by their body.
 *
 * @param kind which child, see `killed-child.ts`; the outbox's stream is made here
 */
export async function killedMidway(
  kind: 'outbox' | 'tocsin',
  { url, folder, stream, messages }: Killed,
): Promise<Counted> {
  await using client = await connected(url);
  const manager = await client.jetstreamManager();
  if (kind === 'outbox') {
    const subjects = ['active_schedule.>', 'notification.>'];
    const duplicate_window = nanos(DUPLICATE_WINDOW_MS);
    await manager.streams.add({ name: stream, subjects, duplicate_window });
  }
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const child = start(kind, folder, url);
    await storedAtLeast(manager, stream, (messages * kill) / (KILLS + 1));
    child.kill('SIGKILL');
    await once(child, 'exit');
    await sleep(2 * DUPLICATE_WINDOW_MS);
  }
  const last = start(kind, folder, url);
  await once(last, 'exit');
  if (last.exitCode !== 0) throw new Error(`the ${kind} child ended with ${last.exitCode ?? ''}`);
  const { state } = await manager.streams.info(stream);
  const bodies = new Set<string>();
  for (let seq = 1; seq <= state.last_seq; seq += 1) {
    const message = await manager.streams.getMessage(stream, { seq });
    bodies.add(`${message.subject} ${message.string()}`);
  }
  await manager.streams.delete(stream);
  return { lost: messages - bodies.size, doubled: state.messages - bodies.size };
}

export type Killed = {
  readonly url: string;
  readonly folder: string;
  readonly stream: string;
  /** How many different messages there are to publish. */
  readonly messages: number;
};

function start(kind: string, folder: string, url: string) {
  const path = new URL('killed-child.ts', import.meta.url).pathname;
  return spawn(process.execPath, [path, kind, folder, url], { stdio: 'inherit' });
}

async function storedAtLeast(manager: JetStreamManager, stream: string, messages: number) {
  for (;;) {
    const found = await manager.streams.info(stream).catch(() => undefined);
    if ((found?.state.messages ?? 0) >= messages) return;
    await sleep(1);
  }
}

async function connected(url: string) {
  const client = await connect({ servers: url });
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}
