// Calls a sender: never throws, and removes the channel's secrets from the outcome, which the log keeps.
import { withoutSecretsOf } from '../../domain/channel/without-secrets.ts';
import type {
  ChannelTarget,
  OutgoingMessage,
  Sender,
  SendOutcome,
} from '../../domain/ports/sender.ts';

export async function callSender(
  send: Sender,
  message: OutgoingMessage,
  target: ChannelTarget,
  signal: AbortSignal,
): Promise<SendOutcome> {
  return callUnknownSender(async () => withoutSecrets(await send(message, target, signal), target));
}

/** The same for a sender whose address is unknown here; no outcome means that the message was taken. */
export async function callUnknownSender(
  send: () => Promise<SendOutcome | undefined>,
): Promise<SendOutcome> {
  try {
    return (await send()) ?? { outcome: 'accepted' };
  } catch (error) {
    // A sender that throws may have sent the message. Its error text may hold secrets, so it is not recorded.
    const name = error instanceof Error ? error.name : 'no error';
    return { outcome: 'unknown', code: 'sender_failed', detail: `the sender threw: ${name}` };
  }
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
