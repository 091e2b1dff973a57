// A receiver of deliveries that remembers every call and what it answered to it.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HeardCall } from '../oracle/delivery-oracle.ts';

/** A call as it came, before anybody answers. */
export type IncomingCall = {
  /** The last part of the path: whose channel it is. */
  readonly userId: string;
  readonly notificationId: string;
  /** 0 where the address does not say. */
  readonly attempt: number;
};

/** What a call is answered with, sooner or later; `cut` leaves it without an answer. */
export type Answers = (call: IncomingCall) => Promise<number | 'cut'> | number | 'cut';

export type Receiver = AsyncDisposable & {
  readonly origin: string;
  readonly calls: readonly HeardCall[];
  /** Calls that have no answer yet. */
  readonly open: () => number;
};

/** Opens one on a free port. */
export async function openReceiver(answers: Answers): Promise<Receiver> {
  const calls: HeardCall[] = [];
  let open = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://receiver');
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const call: IncomingCall = {
      userId: decodeURIComponent(pathname.split('/').at(-1) ?? ''),
      notificationId: notificationOf(JSON.parse(Buffer.concat(chunks).toString())),
      attempt: Number(searchParams.get('attempt') ?? 0),
    };
    const heard = { ...call, answered: undefined as number | undefined };
    calls.push(heard);
    open += 1;
    const status = await answers(call);
    open -= 1;
    // Whoever is gone got nothing.
    if (status === 'cut' || response.destroyed) {
      response.destroy();
      return;
    }
    heard.answered = status;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(status === 200 ? '{"code":0,"msg":"success"}' : '{"code":2200,"msg":"failed"}');
  };
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      // A caller that died in the middle of its request has not called.
      response.destroy(error instanceof Error ? error : undefined);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    calls,
    open: () => open,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A CloudEvent's, or that of the existing flows' body. */
function notificationOf(body: unknown): string {
  const { data, notification_id } = body as {
    readonly data?: { readonly notification_id?: string };
    readonly notification_id?: string;
  };
  return notification_id ?? data?.notification_id ?? '';
}

/** Answers most calls well and soon, and some badly, late or not at all; by the call alone, not by chance. */
export function moody(seed: number): Answers {
  return async ({ notificationId, attempt }) => {
    const mood = createHash('sha1').update(`${seed} ${notificationId} ${attempt}`).digest();
    await sleep((mood[0] ?? 0) / 4);
    const what = mood[1] ?? 0;
    return what < 20 ? 503 : what < 30 ? 'cut' : 200;
  };
}
