// Whose notices may keep each other's windows, and what of a request decides about it.
import type { Instant } from '../../domain/core/instants.ts';
import type { Instants } from '../../domain/policy/windows.ts';
import type { TriggerEventData } from '../../domain/trigger/events.ts';
import type { SentNotification, NotificationSubject } from '../read-model.ts';

/** What a request for a notification says. */
export type Request = TriggerEventData<'NotificationRequested'>;

/** Notices by id. */
export type SentById = ReadonlyMap<string, SentNotification>;

/** One text per subject; ids and types cannot hold the separator. */
export function subjectText({ mock, user, triggerType }: NotificationSubject): string {
  return `${mock ? 'm' : 'l'} ${user} ${triggerType}`;
}

/** The subject of a request. */
export function subjectOf({ mock, userId: user, triggerType }: Request): NotificationSubject {
  return { mock, user, triggerType };
}

/** The two instants of a request that is decided at an event with this stamp. */
export function instantsOf(request: Request, recordedAt: Instant): Instants {
  return { requestedAt: request.triggerRequestedAt, recordedAt };
}
