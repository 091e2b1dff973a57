// A receiver that does what a test says, and a sender that may call it.
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { channelSender, type ChannelSenderOptions } from '../../src/adapters/senders/sender.ts';
import type { ChannelTarget, OutgoingMessage, SendOutcome } from '../../src/domain/ports/sender.ts';
import { STRICT_RULES } from '../../src/domain/channel/address.ts';

export const NOW = Date.UTC(2026, 0, 1, 10, 17);

export type Received = {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

export type Receiver = AsyncDisposable & {
  readonly origin: string;
  readonly port: number;
  readonly received: Received[];
};

type Handle = (response: ServerResponse, request: IncomingMessage) => void;

export async function receiver(handle: Handle): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      received.push({ path: request.url ?? '', headers: request.headers, body });
      handle(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers with a status, a body and headers. */
export function answering(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Handle {
  return (response) => {
    response.writeHead(status, headers);
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

export const PATHS = {
  feishu_bot: '/open-apis/bot/v2/hook/canary-in-a-path',
  feishu_flow: '/flow/api/trigger-webhook/canary-in-a-path',
  feishu_base: '/base/automation/webhook/event/canary-in-a-path',
  webhook: '/hooks/canary-in-a-path',
} as const;

export const SECRET = `whsec_${Buffer.from('a-key-of-twenty-four-byt').toString('base64')}`;

export function targetAt(
  origin: string,
  kind: ChannelTarget['kind'],
  more: Partial<ChannelTarget> = {},
): ChannelTarget {
  const channel = kind === 'webhook' ? 'webhook' : 'feishu';
  const secret = kind === 'webhook' ? SECRET : undefined;
  return { channel, kind, version: 1, url: `${origin}${PATHS[kind]}`, secret, ...more };
}

export const MESSAGE: OutgoingMessage = {
  notificationId: '6072f595-6a17-5132-a9b1-daa475c1b68e',
  attempt: 1,
  userId: '42',
  triggerId: 'ast_1',
  triggerType: 'important_urgent_task',
  targetType: 'task_pool',
  targetId: '7',
  previewId: 'asp_1',
  summary: '',
  payload: undefined,
  severity: undefined,
  language: undefined,
  title: 'A suggestion',
  text: 'There is room.\nhttps://app.example/schedule-adjust/asp_1',
  actionText: 'View',
  actionUrl: 'https://app.example/schedule-adjust/asp_1',
  traceId: 'trace_1',
  requestedAt: NOW,
  expiresAt: NOW + 3_600_000,
};

/** One attempt at a receiver on this machine. */
export function sendTo(
  origin: string,
  kind: ChannelTarget['kind'],
  more: {
    readonly message?: Partial<OutgoingMessage>;
    readonly target?: Partial<ChannelTarget>;
    readonly options?: ChannelSenderOptions;
    readonly signal?: AbortSignal;
  } = {},
): Promise<SendOutcome> {
  const addresses = { ...STRICT_RULES, privateTargets: true, standIn: origin };
  const send = channelSender({ addresses, now: () => NOW, ...more.options });
  const signal = more.signal ?? new AbortController().signal;
  return send({ ...MESSAGE, ...more.message }, targetAt(origin, kind, more.target), signal);
}
