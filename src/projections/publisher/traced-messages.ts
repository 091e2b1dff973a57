// Reports the messages of a page as steps of the traces of their events.
import type { Instant } from '../../domain/core/instants.ts';
import { childSpan, isRecorded, type Span, type Telemetry } from '../../domain/ports/telemetry.ts';
import type { FoldedPage, PlannedMessage } from '../dedupe/page.ts';
import type { ProjectorContext } from './context.ts';

const CONTEXT = 'traceparent';

/**
 * Publishes a page. A message whose event has a recorded trace gets two steps: its fold, which began with the page, and
 * its publishing, until the stream has it. What another projector has published is no step of this one.
 *
 * @param begun when the fold of the page began, in milliseconds since 1970
 */
export function traced(
  { telemetry, now }: Pick<ProjectorContext, 'telemetry' | 'now'>,
  { messages }: FoldedPage,
  begun: Instant,
  publish: () => Promise<readonly PlannedMessage[]>,
): Promise<readonly PlannedMessage[]> {
  const followed = telemetry.traces ? messages.filter(isFollowed) : [];
  if (followed.length === 0) return publish();
  const startedAt = now();
  for (const { message, rule } of followed) {
    const attributes = { 'tocsin.rule': rule };
    childSpan(telemetry, 'tocsin.fold', contextOf(message), { startedAt: begun, attributes }).end();
  }
  return publish().then((stored) => {
    const sent = new Set(stored);
    for (const { message } of followed.filter((planned) => sent.has(planned))) {
      publishSpan(telemetry, message, startedAt).end();
    }
    return stored;
  });
}

function publishSpan(
  telemetry: Telemetry,
  message: PlannedMessage['message'],
  startedAt: Instant,
): Span {
  const attributes = { 'messaging.system': 'nats', 'messaging.operation.type': 'send' };
  return childSpan(telemetry, 'tocsin.publish', contextOf(message), { startedAt, attributes });
}

function isFollowed({ message }: PlannedMessage): boolean {
  return isRecorded(contextOf(message));
}

function contextOf({ headers }: PlannedMessage['message']): string | undefined {
  return headers.findLast(([name]) => name === CONTEXT)?.[1];
}
