// What is sent to each kind of channel: headers and body. Signatures are of the moment of sending.
import { createHmac } from 'node:crypto';
import { emitId } from '../../domain/core/identity.ts';
import { formatInstant, formatInstantSeconds, type Instant } from '../../domain/core/instants.ts';
import type { ChannelTarget, OutgoingMessage } from '../../domain/ports/sender.ts';
import { plainText } from './plain-text.ts';

/** A request, short of where it goes. */
export type Composed = {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

const JSON_TYPE = 'application/json; charset=utf-8';

/** The request for one attempt. */
export function compose(notice: OutgoingMessage, target: ChannelTarget, now: Instant): Composed {
  switch (target.kind) {
    case 'feishu_bot':
      return botMessage(notice, target, now);
    case 'feishu_flow':
      return { headers: withBearer(target, {}), body: JSON.stringify(seedBody(notice, now)) };
    case 'feishu_base': {
      // The same over all attempts: within three hours the automation runs once.
      const headers = withBearer(target, { 'client-token': notice.notificationId });
      return { headers, body: JSON.stringify(seedBody(notice, now)) };
    }
    case 'webhook':
      return signedEvent(notice, target, now);
  }
}

function withBearer(
  { bearerToken }: ChannelTarget,
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const all = { 'content-type': JSON_TYPE, ...headers };
  return bearerToken === undefined ? all : { ...all, authorization: `Bearer ${bearerToken}` };
}

/** A group bot's message: structured, so that text is text. */
function botMessage(notice: OutgoingMessage, { secret }: ChannelTarget, now: Instant): Composed {
  const { title, text, actionText, actionUrl } = notice;
  const words = plainText(text.replaceAll(actionUrl, '').trim());
  const lines = [
    ...(words === '' ? [] : [[{ tag: 'text', text: words }]]),
    [{ tag: 'a', text: plainText(actionText), href: actionUrl }],
  ];
  const content = { post: { zh_cn: { title: plainText(title), content: lines } } };
  const signed = secret === undefined ? {} : botSignature(secret, now);
  return {
    headers: { 'content-type': JSON_TYPE },
    body: JSON.stringify({ ...signed, msg_type: 'post', content }),
  };
}

/** The secret is in the key and the message is empty; the time is in seconds. */
export function botSignature(
  secret: string,
  now: Instant,
): { readonly timestamp: string; readonly sign: string } {
  const timestamp = String(Math.floor(now / 1000));
  const sign = createHmac('sha256', `${timestamp}\n${secret}`).update('').digest('base64');
  return { timestamp, sign };
}

/** The body that the existing flows expect. */
function seedBody(notice: OutgoingMessage, now: Instant): object {
  return {
    event: 'smartflow.schedule_adjustment_ready',
    version: '1',
    ...factsOf(notice, now),
  };
}

function factsOf(notice: OutgoingMessage, now: Instant): object {
  return {
    notification_id: notice.notificationId,
    user_id: emitId(notice.userId),
    preview_id: notice.previewId,
    trigger_id: notice.triggerId,
    trigger_type: notice.triggerType,
    target_type: notice.targetType,
    target_id: emitId(notice.targetId),
    message: {
      title: plainText(notice.title),
      summary: plainText(notice.text),
      action_text: plainText(notice.actionText),
      action_url: notice.actionUrl,
    },
    trace_id: notice.traceId === '' ? undefined : notice.traceId,
    sent_at: formatInstantSeconds(now),
  };
}

/** A CloudEvent, signed by Standard Webhooks. */
function signedEvent(
  notice: OutgoingMessage,
  { bearerToken, secret = '' }: ChannelTarget,
  now: Instant,
) {
  const body = JSON.stringify({
    specversion: '1.0',
    id: notice.notificationId,
    source: '/tocsin',
    type: 'tocsin.notification',
    dataschema: 'urn:tocsin:notification:1',
    subject: notice.previewId,
    time: formatInstant(notice.requestedAt),
    datacontenttype: 'application/json',
    data: factsOf(notice, now),
  });
  const timestamp = String(Math.floor(now / 1000));
  const headers = {
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'webhook-id': notice.notificationId,
    'webhook-timestamp': timestamp,
    'webhook-signature': webhookSignature(secret, notice.notificationId, timestamp, body),
  };
  const authorization = bearerToken === undefined ? {} : { authorization: `Bearer ${bearerToken}` };
  return { headers: { ...headers, ...authorization }, body };
}

/** `v1,` and the HMAC of id, time and body, under the bytes that `whsec_…` stands for. */
export function webhookSignature(
  secret: string,
  id: string,
  timestamp: string,
  body: string,
): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}
