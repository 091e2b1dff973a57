// A receiver that imitates Feishu's webhooks and their failures; the key in the address selects the answer.
import { z } from 'zod';
import { serveHttp } from '../../adapters/http/server/serve.ts';
import { tryParseJson } from '../../domain/core/json.ts';

/** Called for every request, with its text and the answer. */
export type OnReceived = (call: {
  readonly kind: 'bot' | 'flow' | 'automation';
  readonly text: string;
  readonly code: number;
  readonly msg: string;
}) => void;

type Answer = {
  readonly code: number;
  readonly msg: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
};

const OK: Answer = { code: 0, msg: 'success' };

/** The answer for each key, by the number of earlier requests. */
const BEHAVIOURS: Readonly<Record<string, (earlier: number) => Answer>> = {
  'always-well': () => OK,
  'first-fails': (earlier) => (earlier === 0 ? { code: 2200, msg: 'internal error' } : OK),
  'first-limited': (earlier) =>
    earlier > 0
      ? OK
      : {
          code: 11232,
          msg: 'frequency limited psm[lark.oapi]',
          headers: { 'x-ogw-ratelimit-reset': '2' },
        },
  'bot-removed': () => ({
    code: 19001,
    msg: 'param invalid: incoming webhook access token invalid',
  }),
  'keyword-missing': () => ({ code: 19024, msg: 'Key Words Not Found' }),
  'flow-disabled': () => ({ code: 800004509, msg: 'webhook trigger workflow is disabled' }),
};

const PATHS = [
  ['bot', /^\/open-apis\/bot\/v2\/hook\/([a-z-]+)$/],
  ['flow', /^\/flow\/api\/trigger-webhook\/([a-z-]+)$/],
  ['automation', /^\/base\/automation\/webhook\/event\/([a-z-]+)$/],
] as const;

const Flow = z.object({ message: z.object({ summary: z.string() }) });
const Bot = z.object({
  msg_type: z.literal('post'),
  content: z.object({
    post: z.object({
      zh_cn: z.object({
        title: z.string(),
        content: z.array(z.array(z.object({ text: z.string(), href: z.string().optional() }))),
      }),
    }),
  }),
});

export async function serveStandIn(
  onReceived: OnReceived,
): Promise<AsyncDisposable & { readonly url: string }> {
  const seen = new Map<string, number>();
  const fetch = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    for (const [kind, pattern] of PATHS) {
      const key = pattern.exec(pathname)?.[1];
      const behave = key === undefined ? undefined : BEHAVIOURS[key];
      if (behave === undefined) continue;
      const text = textOf(kind, await request.text());
      if (text === undefined) return answer({ code: 9499, msg: 'Bad Request', status: 400 });
      const earlier = seen.get(pathname) ?? 0;
      seen.set(pathname, earlier + 1);
      const answered = behave(earlier);
      onReceived({ kind, text, code: answered.code, msg: answered.msg });
      return answer(answered);
    }
    return answer({ code: 19001, msg: 'param invalid: incoming webhook access token invalid' });
  };
  const server = await serveHttp({ fetch }, { port: 0 });
  return { url: server.url, [Symbol.asyncDispose]: () => server.close() };
}

function answer({ code, msg, status = 200, headers = {} }: Answer): Response {
  return Response.json({ code, msg, data: {} }, { status, headers });
}

/** The text for the user; `undefined` for a body that Feishu would refuse. */
function textOf(kind: (typeof PATHS)[number][0], body: string): string | undefined {
  const json = tryParseJson(body);
  if (kind !== 'bot') {
    const flow = Flow.safeParse(json);
    return flow.success ? flow.data.message.summary : undefined;
  }
  const bot = Bot.safeParse(json);
  if (!bot.success) return undefined;
  return bot.data.content.post.zh_cn.content
    .flat()
    .map(({ text, href }) => (href === undefined ? text : `${text}: ${href}`))
    .join(' ');
}
