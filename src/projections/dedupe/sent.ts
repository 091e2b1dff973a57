// Sent notifications by subject. Two notifications can share a window only if they have one subject: the
// same user, trigger type and mock flag.
import type { Instant } from '../../domain/core/instants.ts';
import type { Instants, Target } from '../../domain/policy/windows.ts';
import type { TriggerEventData } from '../../domain/trigger/events.ts';
import type { NotificationSubject, SentNotification } from '../read-model.ts';

export type Request = TriggerEventData<'NotificationRequested'>;

export type SentById = ReadonlyMap<string, SentNotification>;

/** Sent notifications by {@link subjectText} and id. */
export type SentBySubject = Map<string, Map<string, SentNotification>>;

/** One text per subject; user ids and types cannot hold the separator. */
export function subjectText({ mock, user, triggerType }: NotificationSubject): string {
  return `${mock ? 'm' : 'l'} ${user} ${triggerType}`;
}

/** A subject and the target of one of its notifications. */
export type RequestSubject = NotificationSubject & Target;

export function subjectOf(request: Request): RequestSubject {
  const { mock, userId: user, triggerType, targetType, targetId } = request;
  return { mock, user, triggerType, targetType, targetId };
}

/** The two instants that a request is decided by. @param recordedAt of the event that it is decided at */
export function instantsOf(request: Request, recordedAt: Instant): Instants {
  return { requestedAt: request.triggerRequestedAt, recordedAt };
}

/** Adds a notification, or replaces an earlier version of it. */
export function addSent(all: SentBySubject, sent: SentNotification): void {
  const subject = subjectText(sent);
  const ofSubject = all.get(subject);
  if (ofSubject === undefined) all.set(subject, new Map([[sent.id, sent]]));
  else ofSubject.set(sent.id, sent);
}

/** Removes this version of a notification; a later version stays. */
export function removeSent(all: SentBySubject, sent: SentNotification): void {
  const subject = subjectText(sent);
  const ofSubject = all.get(subject);
  if (ofSubject?.get(sent.id) !== sent) return;
  ofSubject.delete(sent.id);
  if (ofSubject.size === 0) all.delete(subject);
}
