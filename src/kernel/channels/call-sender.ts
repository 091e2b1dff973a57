// Calls a sender: never throws, and removes the channel's secrets from the outcome, which the log keeps.
import { z } from 'zod';
import { withoutSecretsOf } from '../../domain/channel/without-secrets.ts';
import type {
  ChannelTarget,
  OutgoingMessage,
  Sender,
  SendOutcome,
} from '../../domain/ports/sender.ts';

/** The code of an attempt whose sender returned no outcome. */
export const INVALID_RESULT = 'sender_result_invalid';

/** What to do about it, for a person. */
export const RESULT_HINT =
  "`send` must return an outcome, such as { outcome: 'accepted' } or { outcome: 'transient', code, detail }; nothing means accepted";

export async function callSender(
  send: Sender,
  message: OutgoingMessage,
  target: ChannelTarget,
  signal: AbortSignal,
): Promise<SendOutcome> {
  return withoutSecrets(await callUnknownSender(() => send(message, target, signal)), target);
}

/** The same for a sender whose address is unknown here; no outcome means that the message was taken. */
export async function callUnknownSender(send: () => Promise<unknown>): Promise<SendOutcome> {
  try {
    const result = (await send()) ?? { outcome: 'accepted' };
    if (isOutcome(result)) return result;
    // The message may have been sent. Two such answers end the delivery, as those of a provider that cannot be read.
    const detail = `the sender returned ${kindOf(result)} in place of an outcome`;
    return { outcome: 'suspect', code: INVALID_RESULT, detail };
  } catch (error) {
    // A sender that throws may have sent the message. Its error text may hold secrets, so it is not recorded.
    const name = error instanceof Error ? error.name : 'no error';
    return { outcome: 'unknown', code: 'sender_failed', detail: `the sender threw: ${name}` };
  }
}

const why = { code: z.string(), detail: z.string() };

const OutcomeSchema = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('accepted'),
    code: z.string().optional(),
    providerMessageId: z.string().optional(),
  }),
  z.object({
    outcome: z.enum(['transient', 'throttled']),
    ...why,
    retryAfterMs: z.number().optional(),
  }),
  z.object({
    outcome: z.literal('permanent'),
    ...why,
    confirm: z.literal(true).optional(),
    channel: z.enum(['disable', 'needs_attention']).optional(),
  }),
  z.object({ outcome: z.enum(['unknown', 'suspect']), ...why }),
]);

function isOutcome(result: unknown): result is SendOutcome {
  return OutcomeSchema.safeParse(result).success;
}

/** Names no content, which may hold secrets. */
function kindOf(result: unknown): string {
  if (typeof result !== 'object' || result === null) return typeof result;
  return 'outcome' in result ? 'an invalid outcome' : 'an object without `outcome`';
}

function withoutSecrets(outcome: SendOutcome, target: ChannelTarget): SendOutcome {
  const clean = (text: string): string => withoutSecretsOf(text, target);
  if (outcome.outcome !== 'accepted') {
    return { ...outcome, code: clean(outcome.code), detail: clean(outcome.detail) };
  }
  const { code, providerMessageId } = outcome;
  return {
    ...outcome,
    code: code && clean(code),
    providerMessageId: providerMessageId && clean(providerMessageId),
  };
}
