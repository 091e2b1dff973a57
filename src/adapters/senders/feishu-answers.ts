// What Feishu and Lark say in their answers' bodies. Success is `code` 0 and nothing else: HTTP 200 also
// comes with "access token invalid" and with "frequency limited".
import { z } from 'zod';
import type { Instant } from '../../domain/core/instants.ts';
import { tryParseJson } from '../../domain/core/json.ts';
import type { SendOutcome } from '../../domain/ports/sender.ts';
import type { Posted } from './webhook-post.ts';
import { outcomeOfStatus, retryAfter } from './statuses.ts';

type Answer = Extract<Posted, { kind: 'answer' }>;

const Body = z.object({ code: z.int(), msg: z.string().optional() });

/** A code that nobody knows is tried again this often, and then kept as it came. */
const TRIES_OF_UNKNOWN = 3;

type Meaning = (context: {
  readonly msg: string;
  readonly attempt: number;
  readonly now: Instant;
}) => 'throttled' | 'transient' | 'permanent' | 'disable' | 'needs_attention';

/** Every code that is known, whichever kind answers it. */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  11232: () => 'throttled',
  11233: () => 'throttled',
  11247: () => 'throttled',
  // One code for two things.
  9499: ({ msg }) => (/too many request/i.test(msg) ? 'throttled' : 'permanent'),
  19001: () => 'disable',
  19002: () => 'permanent',
  // The clock or the secret: a fresh signature once, then its owner has to look.
  19021: ({ attempt }) => (attempt === 1 ? 'transient' : 'needs_attention'),
  19022: () => 'needs_attention',
  19024: () => 'needs_attention',
  2200: () => 'transient',
  800004509: () => 'needs_attention',
  800005649: () => 'needs_attention',
  800005650: () => 'needs_attention',
  800005647: () => 'permanent',
  800005646: () => 'permanent',
  800005652: () => 'throttled',
  800006003: () => 'permanent',
  99991400: () => 'throttled',
};

/** The least wait after a limit that names none. */
const LIMITED_MS = 60_000;
/** Around whole and half hours everybody sends: it takes longer to pass. */
const RUSH_MS = 150_000;
const HALF_HOUR_MS = 30 * 60_000;
const RUSH_LASTS_MS = 90_000;

/** What an answer means. `say` cleans what the provider said of secrets. */
export function outcomeOfFeishu(
  answer: Answer,
  context: {
    readonly attempt: number;
    readonly now: Instant;
    readonly say: (text: string) => string;
  },
): SendOutcome {
  const { attempt, now, say } = context;
  const isSuccess = answer.status >= 200 && answer.status < 300;
  const body = parse(answer);
  if (body === undefined || (body.code === 0 && !isSuccess)) {
    if (!isSuccess) return outcomeOfStatus(answer, now);
    const detail = `HTTP ${answer.status} without a readable code`;
    return { outcome: 'suspect', code: 'unparsable', detail };
  }
  if (body.code === 0) return { outcome: 'accepted', code: '0' };
  const { msg = '' } = body;
  const code = `feishu_${String(body.code).replace('-', 'minus_')}`;
  const detail = say(`HTTP ${answer.status}, code ${body.code}: ${msg}`);
  const retryAfterMs = retryAfter(answer, now);
  const meaning = (MEANINGS[body.code] ?? unknownCode)({ msg, attempt, now });
  switch (meaning) {
    case 'throttled':
      return { outcome: 'throttled', code, detail, retryAfterMs: retryAfterMs ?? patience(now) };
    case 'transient':
      return { outcome: 'transient', code, detail, retryAfterMs };
    case 'permanent':
      return { outcome: 'permanent', code, detail };
    case 'disable':
    case 'needs_attention':
      return { outcome: 'permanent', code, detail, channel: meaning };
  }
}

const unknownCode: Meaning = ({ attempt }) =>
  attempt < TRIES_OF_UNKNOWN ? 'transient' : 'permanent';

function patience(now: Instant): number {
  return now % HALF_HOUR_MS < RUSH_LASTS_MS ? RUSH_MS : LIMITED_MS;
}

function parse({ body, complete }: Answer): z.output<typeof Body> | undefined {
  if (!complete) return undefined;
  // What is not JSON is not of the schema either; what it means is said above.
  const parsed = Body.safeParse(tryParseJson(body));
  return parsed.success ? parsed.data : undefined;
}
