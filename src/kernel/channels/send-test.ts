// Sends a test message: a real message whose text says that it is a test.
import type { ConfiguredChannel } from '../../domain/channel/state.ts';
import { codeOf, detailOf } from '../../domain/delivery/events.ts';
import { actionUrl, DEFAULT_FRONTEND_URL } from '../../domain/delivery/message.ts';
import type { OutgoingMessage, Sender, SendOutcome } from '../../domain/ports/sender.ts';
import type { Texts } from '../../domain/notification/texts.ts';
import type { KernelContext } from '../decider/decider.ts';
import { callSender } from './call-sender.ts';
import { targetOf, type ChannelSecrets } from './secrets.ts';

export type TestOutcome = {
  readonly succeeded: boolean;
  readonly answer: SendOutcome['outcome'] | 'skipped';
  readonly code: string;
  readonly detail: string | undefined;
};

type TestContext = Pick<KernelContext, 'runtime'> & {
  readonly send?: Sender | undefined;
  readonly texts: Texts;
};

/** Sends the message. Never throws for a failure of the channel. */
export async function sendTest(
  context: TestContext,
  channel: ConfiguredChannel,
  secrets: ChannelSecrets | undefined,
  signal: AbortSignal,
): Promise<TestOutcome> {
  const { send } = context;
  if (send === undefined || secrets === undefined) {
    const code = send === undefined ? 'no_sender' : 'no_channel';
    return { succeeded: false, answer: 'skipped', code, detail: undefined };
  }
  const target = targetOf(channel, secrets);
  const outcome = await callSender(send, testMessage(context, channel), target, signal);
  const succeeded = outcome.outcome === 'accepted';
  const detail = outcome.outcome === 'accepted' ? undefined : detailOf(outcome.detail);
  const code = codeOf(outcome.code ?? 'accepted');
  return { succeeded, answer: outcome.outcome, code, detail };
}

function testMessage(
  { runtime, texts }: TestContext,
  { userId, channel }: ConfiguredChannel,
): OutgoingMessage {
  const requestedAt = runtime.now();
  const link = actionUrl(DEFAULT_FRONTEND_URL, '/');
  return {
    notificationId: runtime.newId(),
    attempt: 1,
    userId,
    triggerId: 'ast_test_webhook',
    triggerType: 'manual_test',
    targetType: 'notification_channel',
    targetId: channel,
    previewId: 'asp_test_webhook',
    title: texts.title,
    summary: texts.test,
    payload: undefined,
    severity: undefined,
    language: undefined,
    text: texts.test,
    actionText: texts.action,
    actionUrl: link,
    traceId: `trace_${channel}_webhook_test`,
    requestedAt,
    expiresAt: requestedAt + 60_000,
  };
}
