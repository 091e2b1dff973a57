// Composes the HTTP request of each kind of channel: headers and body. Signatures contain the time of sending.
import { createHmac } from 'node:crypto';
import { emitId } from '../../domain/core/identity.ts';
import { formatInstant, formatInstantSeconds, type Instant } from '../../domain/core/instants.ts';
import type { ChannelTarget, OutgoingMessage } from '../../domain/ports/sender.ts';

export type Composed = {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

const JSON_TYPE = 'application/json; charset=utf-8';

export function compose(message: OutgoingMessage, target: ChannelTarget, now: Instant): Composed {
  switch (target.kind) {
    case 'feishu_bot':
      return botMessage(message, target, now);
    case 'feishu_flow': {
      const headers = { 'content-type': JSON_TYPE, ...authorization(target) };
      return { headers, body: JSON.stringify(flowBody(message, now)) };
    }
    case 'feishu_base': {
      // The same token over all attempts: within three hours the automation runs once.
      const bearer = authorization(target);
      const token = { 'client-token': message.notificationId };
      const headers = { 'content-type': JSON_TYPE, ...token, ...bearer };
      return { headers, body: JSON.stringify(flowBody(message, now)) };
    }
    case 'webhook':
      return signedEvent(message, target, now);
  }
}

function authorization({ bearerToken }: ChannelTarget): Readonly<Record<string, string>> {
  return bearerToken === undefined ? {} : { authorization: `Bearer ${bearerToken}` };
}

/** The message of a group bot: a structured post, in which text is not parsed as markup. */
function botMessage(message: OutgoingMessage, { secret }: ChannelTarget, now: Instant): Composed {
  const { title, text, actionText, actionUrl } = message;
  const plain = plainText(actionUrl === undefined ? text : text.replaceAll(actionUrl, '').trim());
  const lines = [
    ...(plain === '' ? [] : [[{ tag: 'text', text: plain }]]),
    ...(actionUrl === undefined
      ? []
      : [[{ tag: 'a', text: plainText(actionText) || actionUrl, href: actionUrl }]]),
  ];
  const content = { post: { zh_cn: { title: plainText(title), content: lines } } };
  const signed = secret === undefined ? {} : botSignature(secret, now);
  return {
    headers: { 'content-type': JSON_TYPE },
    body: JSON.stringify({ ...signed, msg_type: 'post', content }),
  };
}

/** HMAC-SHA-256 of an empty message; the key holds the time in seconds and the secret. */
export function botSignature(secret: string, now: Instant) {
  const timestamp = String(Math.floor(now / 1000));
  const sign = createHmac('sha256', `${timestamp}\n${secret}`).update('').digest('base64');
  return { timestamp, sign };
}

/** The body that existing Feishu flows expect. */
function flowBody(message: OutgoingMessage, now: Instant): object {
  const event = { event: 'smartflow.schedule_adjustment_ready', version: '1' };
  return { ...event, ...factsOf(message, now) };
}

function factsOf(message: OutgoingMessage, now: Instant): object {
  return {
    notification_id: message.notificationId,
    user_id: emitId(message.userId),
    preview_id: message.previewId,
    trigger_id: message.triggerId,
    trigger_type: message.triggerType,
    target_type: message.targetType,
    target_id: emitId(message.targetId),
    message: {
      title: plainText(message.title),
      summary: plainText(message.text),
      action_text: plainText(message.actionText),
      action_url: message.actionUrl,
    },
    trace_id: message.traceId === '' ? undefined : message.traceId,
    sent_at: formatInstantSeconds(now),
  };
}

/** A CloudEvent, signed by Standard Webhooks. */
function signedEvent(message: OutgoingMessage, target: ChannelTarget, now: Instant): Composed {
  const body = JSON.stringify({
    specversion: '1.0',
    id: message.notificationId,
    source: '/tocsin',
    type: 'tocsin.notification',
    dataschema: 'urn:tocsin:notification:1',
    subject: message.previewId,
    time: formatInstant(message.requestedAt),
    datacontenttype: 'application/json',
    data: factsOf(message, now),
  });
  const { secret = '' } = target;
  const timestamp = String(Math.floor(now / 1000));
  const headers = {
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'webhook-id': message.notificationId,
    'webhook-timestamp': timestamp,
    'webhook-signature': webhookSignature(secret, message.notificationId, timestamp, body),
    ...(message.traceparent === undefined ? {} : { traceparent: message.traceparent }),
  };
  return { headers: { ...headers, ...authorization(target) }, body };
}

/** The `v1` signature of Standard Webhooks: HMAC-SHA-256 of id, time and body under the decoded secret. */
export function webhookSignature(
  secret: string,
  id: string,
  timestamp: string,
  body: string,
): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}

/** Characters that look like `<` and `>`, and start no tag. */
const HARMLESS: Readonly<Record<string, string>> = { '<': '＜', '>': '＞' };

/** Control characters except line breaks, and characters that are invisible or change the direction of text. */
const INVISIBLE = /[^\P{Cc}\n]|[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** Escapes the provider's markup: the title of a task must not mention everybody, nor hide where a link leads. */
export function plainText(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(INVISIBLE, '')
    .replace(/[<>]/g, (sign) => HARMLESS[sign] ?? sign)
    .replace(/\]\s*\(/g, '] - (');
}
