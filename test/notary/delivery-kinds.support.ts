// Kinds of tampering with deliveries, channels, tokens and control events.
import { deliveryStream } from '../../src/domain/delivery/stream.ts';
import { messageId } from '../../src/domain/core/ids.ts';
import type { JsonObject } from '../../src/domain/core/json.ts';
import {
  changed,
  EARLY,
  LAST,
  ONE_COPY,
  OTHER,
  PROPER,
  silent,
  type Kind,
} from './kind.support.ts';
import {
  all,
  cut,
  cutStream,
  data,
  dataOf,
  edit,
  eventAt,
  find,
  putAfter,
  textOf,
  renumber,
  type EditLog,
} from './real-run.support.ts';

export const DELIVERY_KINDS: readonly Kind[] = [
  changed(
    '`AttemptSucceeded` made `AttemptFailed`',
    'event_missing',
    edit('AttemptSucceeded', 0, () => ({ type: 'AttemptFailed' })),
  ),
  changed(
    '`AttemptSucceeded` made `AttemptFailed`, with a code',
    'event_missing',
    edit('AttemptSucceeded', 0, (event) => ({
      type: 'AttemptFailed',
      data: { ...dataOf(event), code: 'gone' },
    })),
  ),
  silent(
    '`AttemptSucceeded` at the end made `AttemptFailed`, with a code and a next attempt',
    'event_changed',
    'The record looks like one that waits for its next attempt.',
    edit('AttemptSucceeded', 0, (event) => ({
      type: 'AttemptFailed',
      data: { ...dataOf(event), code: 'gone', nextAt: '2026-01-01T10:20:00.000Z' },
    })),
  ),
  silent(
    'the code of an outcome',
    'event_changed',
    ONE_COPY,
    data('AttemptFailed', 0, { code: 'http_502' }),
  ),
  changed(
    'the channel of a delivery',
    'delivery_changed',
    data('NotificationAccepted', 0, { channel: 'webhook' }),
  ),
  changed(
    'the expiry of a delivery',
    'delivery_changed',
    data('NotificationAccepted', 0, { expiresAt: '2026-01-09T10:00:00.000Z' }),
  ),
  changed(
    'the trigger of a delivery',
    'delivery_changed',
    data('NotificationAccepted', 0, { triggerId: 'ast_x' }),
  ),
  changed(
    'the source of a delivery',
    'delivery_changed',
    data('NotificationAccepted', 0, { source: { event: OTHER, stream: 'x', revision: '2' } }),
  ),
  changed(
    'the trigger type of an attempt',
    'delivery_changed',
    data('AttemptStarted', 0, { triggerType: 'unfinished_feedback' }),
  ),
  changed(
    'the channel version of an attempt',
    'event_missing',
    data('AttemptStarted', 0, { channelVersion: 2 }),
  ),
  changed('the number of an attempt', 'event_missing', data('AttemptStarted', 1, { attempt: 3 })),
  {
    kind: 'an attempt after the end',
    without: 'event_added',
    with: 'event_added',
    log: putAfter('AttemptSucceeded', 0, (event) => ({
      type: 'AttemptStarted',
      data: { ...dataOf(event), attempt: 3, leaseUntil: EARLY, channelVersion: 1 },
    })),
  },
  {
    kind: 'a second outcome of an attempt',
    without: 'event_added',
    with: 'event_added',
    log: putAfter('AttemptSucceeded', 0, () => ({})),
  },
  {
    kind: 'the start of an attempt removed, and the rest numbered again',
    without: 'event_missing',
    with: 'event_changed',
    log: all(cut('AttemptStarted', 0), renumber),
  },
  {
    kind: 'the end of a dead delivery removed',
    without: 'event_missing',
    with: 'event_missing',
    log: cut('DeliveryDied', 0),
  },
  {
    kind: 'the last outcome of a delivery removed, before the checkpoint',
    without: 'event_missing',
    with: 'event_missing',
    log: cut('AttemptSucceeded', 1),
  },
  silent(
    'the last outcome of a delivery removed, after the checkpoint',
    'event_missing',
    LAST,
    cut('AttemptSucceeded', -1),
  ),
  {
    kind: 'a whole delivery record removed',
    without: 'delivery_missing',
    with: 'event_missing',
    log: cutStream('AttemptSucceeded', 0),
  },
  {
    kind: 'the record of a dead delivery removed',
    without: 'delivery_missing',
    with: 'event_missing',
    log: cutStream('DeliveryDied', 0),
  },
  silent(
    'the record of the last delivery removed',
    'event_missing',
    'The request looks like one that no worker has taken yet.',
    cutStream('AttemptSucceeded', 2),
  ),
  {
    kind: 'a delivery record for another user',
    without: 'delivery_changed',
    with: 'event_added',
    log: forgedRecord((id) => id, '7'),
  },
  {
    kind: 'a delivery record under an id with the same first and last 32 bits',
    without: 'delivery_changed',
    with: 'event_added',
    log: forgedRecord((id) => `${id.slice(0, 8)}-0000-5000-8000-0000${id.slice(-8)}`, '2'),
  },
  {
    kind: 'a delivery of a suppressed request',
    without: 'delivery_without_request',
    with: 'event_added',
    log: recordOfSuppressed(),
  },
  {
    kind: 'a channel’s configuration removed, and the rest numbered again',
    without: 'event_missing',
    with: 'event_missing',
    log: all(cut('ChannelConfigured', 0), renumber),
  },
  silent('the last event of a channel removed', 'event_missing', LAST, cut('ChannelDisabled', 0)),
  {
    kind: 'an event of a channel version that does not exist',
    without: 'event_missing',
    with: 'event_added',
    log: putAfter('ChannelConfigured', 0, (event) => ({
      type: 'ChannelEnabled',
      data: { userId: '2', channel: 'feishu', version: 3 },
      stream: event.stream,
    })),
  },
  {
    kind: 'an event of a channel that was removed',
    without: 'event_added',
    with: 'event_added',
    log: all(
      putAfter('ChannelConfigured', 0, () => ({
        type: 'ChannelRemoved',
        data: { userId: '2', channel: 'feishu', version: 1 },
      })),
      putAfter('ChannelRemoved', 0, () => ({
        type: 'ChannelEnabled',
        data: { userId: '2', channel: 'feishu', version: 1 },
      })),
    ),
  },
  silent(
    'a proper event of a channel put in',
    'event_added',
    PROPER,
    putAfter('ChannelDisabled', 0, () => ({
      type: 'ChannelEnabled',
      data: { userId: '2', channel: 'feishu', version: 1 },
    })),
  ),
  silent(
    'the mask of a channel',
    'event_changed',
    ONE_COPY,
    data('ChannelConfigured', 0, { mask: 'https://OTHER' }),
  ),
  {
    kind: 'a token’s creation removed, and the rest numbered again',
    without: 'event_missing',
    with: 'event_changed',
    log: all(cut('TokenCreated', 0), renumber),
  },
  silent(
    'a token’s revocation removed, and the rest numbered again',
    'event_changed',
    LAST,
    all(cut('TokenRevoked', 0), renumber),
  ),
  {
    kind: 'a token revoked twice',
    without: 'event_added',
    with: 'event_changed',
    log: putAfter('TokenRevoked', 0, () => ({})),
  },
  silent(
    'the scopes of a token',
    'event_changed',
    ONE_COPY,
    data('TokenCreated', 0, { scopes: ['preview:read', 'trigger:read'] }),
  ),
  changed(
    'a mute changed',
    'control_changed',
    data('NotificationsMuted', 0, { reason: 'another' }),
  ),
  {
    kind: 'a mute removed',
    without: 'control_missing',
    with: 'event_missing',
    log: all(cut('NotificationsMuted', 0), renumber),
  },
  {
    kind: 'a control event put in',
    without: 'control_extra',
    with: 'event_added',
    log: putAfter('NotificationsMuted', 0, () => ({})),
  },
  changed('the id of the store', 'store_changed', data('StoreInitialised', 0, { storeId: OTHER })),
];

function forgedRecord(idOf: (id: string) => string, user: string): EditLog {
  return (log) => {
    const own = eventAt(log, find(log, 'NotificationAccepted', 0));
    const notificationId = idOf(textOf(dataOf(own)['notificationId']));
    return putAfter('NotificationAccepted', 0, (event) => ({
      stream: deliveryStream('tocsin', user, notificationId),
      data: { ...dataOf(event), userId: user, notificationId },
    }))(log);
  };
}

function recordOfSuppressed(): EditLog {
  return putAfter('NotificationRequested', 3, (event) => {
    const { userId, triggerType, mock, channel, triggerId, previewId, requestedAt, expiresAt } =
      dataOf(event);
    const source = { event: event.id, stream: event.stream, revision: String(event.revision) };
    const notificationId = messageId(event.id, 'notification.requested');
    const about = { notificationId, userId, triggerType, mock, channel, triggerId, previewId };
    return {
      type: 'NotificationAccepted',
      stream: deliveryStream('tocsin', textOf(userId), notificationId),
      data: { ...about, source, requestedAt, expiresAt } as JsonObject,
    };
  });
}
