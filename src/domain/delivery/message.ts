// From a request in the log to what a person reads (seed-domain 4.6, levels 2 and 3, with the link made
// absolute: a relative one leads nowhere from a chat).
import { notificationDedupeKey } from '../contracts/mapping.ts';
import { DEFAULT_WINDOW_MS, tumblingWindowStart } from '../core/windows.ts';
import type { OutgoingMessage } from '../ports/sender.ts';
import { cleanSummary, type Texts } from '../notification/texts.ts';
import type { NotificationRequest } from '../notification/events.ts';
import type { Delivery } from './state.ts';

/** Where links lead when nobody has said; nothing is there. */
export const DEFAULT_FRONTEND_URL = 'https://tocsin.example.com';

/** An absolute link: the frontend's address, and a site-relative path behind it. */
export function actionUrl(frontendUrl: string, targetUrl: string): string {
  return `${frontendUrl.replace(/\/+$/, '')}/${targetUrl.replace(/^\/+/, '')}`;
}

/** What one attempt says. */
export function outgoingMessage(
  delivery: Delivery,
  request: NotificationRequest,
  attempt: number,
  wording: { readonly texts: Texts; readonly frontendUrl: string },
): OutgoingMessage {
  const { texts, frontendUrl } = wording;
  const { facts } = delivery;
  const { userId, triggerType, targetType, targetId, targetUrl, traceId } = request;
  const link = actionUrl(frontendUrl, targetUrl);
  // The key as contracts show it under the default policy; another policy's window is not in the log.
  const window = tumblingWindowStart(request.triggerRequestedAt, DEFAULT_WINDOW_MS);
  return {
    notificationId: facts.notificationId,
    attempt,
    userId,
    triggerId: facts.triggerId,
    triggerType,
    targetType,
    targetId,
    previewId: facts.previewId,
    dedupeKey: notificationDedupeKey(userId, triggerType, window),
    title: texts.title,
    text: messageText(texts, request, link),
    actionText: texts.action,
    actionUrl: link,
    traceId,
    requestedAt: facts.requestedAt,
    expiresAt: facts.expiresAt,
  };
}

/** The summary, else the fallback, else what is always true; the link is in it in any case. */
function messageText(texts: Texts, request: NotificationRequest, link: string): string {
  const { targetUrl, personal } = request;
  const summary = cleanSummary(personal.summary);
  const text = summary === '' ? fallback(texts, personal.fallbackText, targetUrl) : summary;
  if (text.includes(link)) return text;
  return text.includes(targetUrl) ? text.replaceAll(targetUrl, link) : `${text}\n${link}`;
}

/** The fallback may hold this request's own link, and no other (W20). */
function fallback(texts: Texts, text: string, targetUrl: string): string {
  const trimmed = text.trim();
  const rest = trimmed.replaceAll(targetUrl, '');
  return cleanSummary(rest) === '' ? texts.nothingElse : trimmed;
}
