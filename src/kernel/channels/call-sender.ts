// One call of a sender, whoever wrote it: it never throws, and nothing of the channel's secrets is in
// what it says, because that is kept in the log.
import { withoutSecretsOf } from '../../domain/channel/without-secrets.ts';
import type {
  ChannelTarget,
  OutgoingMessage,
  Sender,
  SendOutcome,
} from '../../domain/ports/sender.ts';

/** Makes the call. */
export async function callSender(
  send: Sender,
  notice: OutgoingMessage,
  target: ChannelTarget,
  signal: AbortSignal,
): Promise<SendOutcome> {
  try {
    return cleaned(await send(notice, target, signal), target);
  } catch (error) {
    // A sender that throws has not said what it did. Its words may hold secrets, so they stay here.
    const name = error instanceof Error ? error.name : 'no error';
    return { outcome: 'unknown', code: 'sender_failed', detail: `the sender threw: ${name}` };
  }
}

function cleaned(said: SendOutcome, target: ChannelTarget): SendOutcome {
  const clean = (text: string): string => withoutSecretsOf(text, target);
  if (said.outcome !== 'accepted') {
    return { ...said, code: clean(said.code), detail: clean(said.detail) };
  }
  const { code, providerMessageId } = said;
  return {
    ...said,
    code: code && clean(code),
    providerMessageId: providerMessageId && clean(providerMessageId),
  };
}
