// Makes the message for a person from a request in the log. Links are absolute, because a relative link does
// not work in a chat.
import type { OutgoingMessage } from '../ports/sender.ts';
import { linksIn } from '../notification/links.ts';
import { cleanSummary, type LinkRule, type Texts } from '../notification/texts.ts';
import type { Json } from '../core/json.ts';
import type { NotificationRequest } from '../notification/events.ts';
import type { DeliveryEventData } from './events.ts';

/** The beginning of links without a configured frontend; no server answers there. */
export const DEFAULT_FRONTEND_URL = 'https://tocsin.example.com';

export function actionUrl(frontendUrl: string, targetUrl: string): string {
  return `${frontendUrl.replace(/\/+$/, '')}/${targetUrl.replace(/^\/+/, '')}`;
}

/** The sentences of a message, and what its link begins with. */
export type Wording = {
  readonly texts: Texts;
  readonly language: string | undefined;
  /** Absent: messages have no link, as a relative link leads nowhere. */
  readonly frontendUrl: string | undefined;
  /** For a summary of the log that still has links. Default: they are cut out. */
  readonly summaryLinks?: LinkRule | undefined;
};

export function outgoingMessage(
  facts: DeliveryEventData<'NotificationAccepted'>,
  {
    request,
    payload,
  }: { readonly request: NotificationRequest; readonly payload: Json | undefined },
  attempt: number,
  wording: Wording,
): OutgoingMessage {
  const { userId, triggerType, targetType, targetId, targetUrl, traceId, severity } = request;
  const { texts, language, frontendUrl, summaryLinks } = wording;
  const { text: summary } = cleanSummary(request.personal.summary, summaryLinks);
  const link =
    targetUrl === undefined || frontendUrl === undefined
      ? undefined
      : actionUrl(frontendUrl, targetUrl);
  return {
    notificationId: facts.notificationId,
    attempt,
    userId,
    triggerId: facts.triggerId,
    triggerType,
    targetType,
    targetId,
    previewId: facts.previewId,
    title: texts.title,
    summary,
    text: messageText(wording, request, summary, link),
    actionText: texts.action,
    actionUrl: link,
    payload,
    severity,
    language,
    traceId,
    requestedAt: facts.requestedAt,
    expiresAt: facts.expiresAt,
  };
}

/** The summary, else the fallback, else a fixed sentence, else the title or the type; with the link, if there is one. */
function messageText(
  wording: Wording,
  request: NotificationRequest,
  summary: string,
  link: string | undefined,
): string {
  const { targetUrl } = request;
  const sentence = summary === '' ? fallback(wording, request) : summary;
  const text = sentence === '' ? lastResort(wording, request) : sentence;
  if (targetUrl === undefined || (link !== undefined && text.includes(link))) return text;
  if (link === undefined) return text.replaceAll(targetUrl, '').trim();
  return text.includes(targetUrl) ? text.replaceAll(targetUrl, link) : `${text}\n${link}`.trim();
}

/** The text where the embedder gave no sentence that shows anything: a message must not arrive empty. */
function lastResort({ texts }: Wording, { triggerType, targetId }: NotificationRequest): string {
  return texts.title === '' ? `${triggerType} ${targetId}` : texts.title;
}

const ABSOLUTE = /:\/\/|www\./i;

/**
 * The fallback text may contain the link of this request, and no other link. Without a summary it is the embedder's
 * sentence, which may name a domain; else it holds the summary, which was refused.
 */
function fallback({ texts }: Wording, { targetUrl, personal }: NotificationRequest): string {
  const trimmed = personal.fallbackText.trim();
  const rest = targetUrl === undefined ? trimmed : trimmed.replaceAll(targetUrl, '');
  const isOwn = personal.summary.trim() === '';
  const hasLink = isOwn ? ABSOLUTE.test(rest) : linksIn(rest).length > 0;
  return hasLink || rest.trim() === '' ? texts.nothingElse : trimmed;
}
