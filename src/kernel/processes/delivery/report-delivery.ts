// Reports what became of a delivery: its status as a metric, and one log line where a person is not notified.
import { effectOf } from '../../../domain/delivery/effects.ts';
import type { DeliveryEvent, DeliveryEventData } from '../../../domain/delivery/events.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import type { SendOutcome } from '../../../domain/ports/sender.ts';
import type { Span, Telemetry } from '../../../domain/ports/telemetry.ts';
import type { BreakerChange } from './channel-limiter.ts';

/** The warnings about one person's channel: no operator has to act. */
export const CHANNEL_WARNINGS = {
  dead: 'a delivery is dead',
  failing: 'a channel fails, and its owner has to act',
  breaker: 'calls of an address of this channel fail; it gets none for a while',
} as const;

type Reporting = { readonly telemetry: Telemetry; readonly logger?: Logger | undefined };

export function reportChange(
  { telemetry, logger = silentLogger }: Reporting,
  events: readonly DeliveryEvent[],
  { notificationId, channel, userId }: DeliveryEventData<'NotificationAccepted'>,
): void {
  for (const event of events) {
    const { phase, reason } = effectOf(event);
    if (phase === undefined) continue;
    telemetry.count('tocsin.deliveries.changed', { channel, status: phase.status });
    if (phase.status !== 'dead') continue;
    // Without the receiver's answer: it may repeat the text that it was sent, and nobody can forget what a log has.
    logger.warn({ notificationId, userId, channel, reason }, CHANNEL_WARNINGS.dead);
  }
}

/** @param of.begun when the call began, by `performance.now()` */
export function reportAttempt(
  { telemetry }: Reporting,
  span: Span,
  of: {
    readonly channel: string;
    readonly attempt: number;
    readonly outcome: SendOutcome;
    readonly begun: number;
  },
): void {
  const { channel, attempt, begun } = of;
  const { outcome, code = '' } = of.outcome;
  telemetry.took('tocsin.attempt.duration', begun);
  telemetry.count('tocsin.attempts', { channel, outcome });
  span.end({
    attributes: {
      'tocsin.channel': channel,
      'tocsin.attempt': attempt,
      'tocsin.outcome': outcome,
      'tocsin.code': code,
    },
    ...(outcome === 'accepted' ? {} : { failed: code }),
  });
}

export function reportBreaker(
  logger: Logger = silentLogger,
  channel: string,
  change: BreakerChange | undefined,
): void {
  if (change === 'opened') {
    logger.warn({ channel }, CHANNEL_WARNINGS.breaker);
  }
  if (change === 'closed') {
    logger.info({ channel }, 'an address of this channel answers again');
  }
}
