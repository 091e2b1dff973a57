// Kinds of tampering with triggers, their offers, their requests and the claims of keys.
import { eventId } from '../../src/domain/core/ids.ts';
import { parseJson } from '../../src/domain/core/json.ts';
import {
  ALL_COPIES,
  changed,
  EARLY,
  LAST,
  ONE_COPY,
  OTHER,
  silent,
  type Kind,
} from './kind.support.ts';
import {
  all,
  append,
  cut,
  cutStream,
  data,
  dataOf,
  edit,
  eventAt,
  find,
  message,
  meta,
  metadataOf,
  personal,
  putAfter,
  textOf,
  type EditLog,
} from './real-run.support.ts';

export const TRIGGER_KINDS: readonly Kind[] = [
  changed(
    'another actor of one event of an append',
    'event_changed',
    meta('PreviewOffered', 3, { actor: 'mallory' }),
  ),
  silent(
    'another actor of all events of an append',
    'event_changed',
    ONE_COPY,
    append('TriggerRaised', 3, (event) => ({
      metadata: { ...metadataOf(event), actor: 'mallory' },
    })),
  ),
  changed(
    'another recordedAt of a suppressed request',
    'event_changed',
    meta('NotificationRequested', 3, { recordedAt: EARLY }),
  ),
  changed(
    'another recordedAt of a whole append',
    'event_changed',
    append('TriggerRaised', 3, (event) => ({
      metadata: { ...metadataOf(event), recordedAt: EARLY },
    })),
  ),
  changed(
    'a recordedAt before the log existed, where nothing repeats it',
    'time_disorder',
    meta('IdempotencyClaimed', 2, { recordedAt: EARLY }),
  ),
  changed('another commandId', 'event_changed', meta('TriggerRaised', 1, { commandId: OTHER })),
  changed(
    'another id of a raise',
    'event_changed',
    edit('TriggerRaised', 1, () => ({ id: OTHER })),
  ),
  changed(
    'another id of an attempt',
    'event_changed',
    edit('AttemptStarted', 0, () => ({ id: OTHER })),
  ),
  changed(
    'another correlationId',
    'event_changed',
    meta('PreviewOffered', 0, { correlationId: 'x' }),
  ),
  changed(
    'the payload of a raise',
    'message_altered',
    personal('TriggerRaised', 0, { payload: { pin: 9 } }),
  ),
  changed(
    'the payload of a raise with a key',
    'event_changed',
    personal('TriggerRaised', 4, { payload: { pin: 9 } }),
  ),
  {
    ...silent(
      'the payload of a raise, in log and stream alike',
      'event_changed',
      ALL_COPIES,
      personal('TriggerRaised', 0, { payload: { pin: 9 } }),
    ),
    others: {
      messages: message(1, ({ data: body }) => ({
        data: Buffer.from(Buffer.from(body).toString('utf8').replace('"pin":1', '"pin":9')),
      })),
    },
  },
  changed(
    'the payload of a raise with a key, in log and stream alike',
    'event_changed',
    personal('TriggerRaised', 4, { payload: { pin: 9 } }),
  ),
  changed('the target of a raise', 'event_changed', data('TriggerRaised', 3, { targetId: '99' })),
  changed(
    'the requestedAt of a raise',
    'event_changed',
    data('TriggerRaised', 3, { requestedAt: EARLY }),
  ),
  changed(
    'the dedupe key of a raise',
    'message_altered',
    data('TriggerRaised', 3, { dedupeKey: 'x' }),
  ),
  changed(
    'the occurrence of a raise',
    'event_changed',
    data('TriggerRaised', 0, { occurrence: 2 }),
  ),
  changed(
    'the summary of an offer',
    'event_changed',
    personal('PreviewOffered', 3, { summary: 'forged' }),
  ),
  changed(
    'the expiry of an offer',
    'event_changed',
    data('PreviewOffered', 3, { expiresAt: '2026-01-01T10:00:01.000Z' }),
  ),
  changed(
    'the preview id of an offer',
    'event_changed',
    data('PreviewOffered', 3, { previewId: 'asp_x' }),
  ),
  changed(
    'the summary of a suppressed request',
    'event_changed',
    personal('NotificationRequested', 3, { summary: 'forged' }),
  ),
  silent(
    'the summary of a suppressed request and of its offer',
    'event_changed',
    ALL_COPIES,
    all(
      personal('PreviewOffered', 3, { summary: 'forged' }),
      personal('NotificationRequested', 3, { summary: 'forged' }),
    ),
  ),
  silent(
    'the fallback text of a suppressed request',
    'event_changed',
    ONE_COPY,
    personal('NotificationRequested', 3, { fallbackText: 'forged' }),
  ),
  silent(
    'the channel of a suppressed request whose raise names none',
    'event_changed',
    ONE_COPY,
    data('NotificationRequested', 3, { channel: 'webhook' }),
  ),
  changed(
    'the target of a request',
    'event_changed',
    data('NotificationRequested', 3, { targetId: '99' }),
  ),
  changed(
    'the user of a request',
    'event_changed',
    data('NotificationRequested', 3, { userId: '2' }),
  ),
  changed(
    'the time of a request',
    'event_changed',
    data('NotificationRequested', 3, { requestedAt: EARLY }),
  ),
  changed(
    'the window’s time of a request',
    'event_changed',
    data('NotificationRequested', 3, { triggerRequestedAt: EARLY }),
  ),
  changed(
    'the severity of a request',
    'event_changed',
    data('NotificationRequested', 3, { severity: 'high' }),
  ),
  changed(
    'a claim’s request hash',
    'event_changed',
    data('IdempotencyClaimed', 0, { requestHash: 'a'.repeat(64) }),
  ),
  changed(
    'a claim’s payload',
    'event_changed',
    personal('IdempotencyClaimed', 0, { payload: { pin: 9 } }),
  ),
  changed(
    'a claim’s key',
    'event_changed',
    data('IdempotencyClaimed', 0, { idempotencyKey: 'k9' }),
  ),
  changed('a claim’s trigger', 'event_changed', data('IdempotencyClaimed', 0, { occurrence: 2 })),
  silent(
    'a claim’s request, where the raise was a duplicate',
    'event_changed',
    ONE_COPY,
    data('IdempotencyClaimed', 2, { targetId: '99' }),
  ),
  {
    kind: 'a claim removed',
    without: 'event_missing',
    with: 'event_missing',
    log: cut('IdempotencyClaimed', 0),
  },
  silent(
    'a claim removed, where the raise was a duplicate',
    'event_missing',
    'No event names the claim.',
    cut('IdempotencyClaimed', 2),
  ),
  {
    kind: 'a second claim of a key',
    without: 'event_added',
    with: 'event_added',
    log: putAfter('IdempotencyClaimed', 0, () => ({})),
  },
  {
    kind: 'an event cut out of a stream',
    without: 'revision_gap',
    with: 'event_missing',
    log: cut('PreviewOffered', 0),
  },
  {
    kind: 'a request removed from the end of its stream',
    without: 'event_missing',
    with: 'event_missing',
    log: cut('NotificationRequested', 3),
  },
  {
    kind: 'a whole trigger stream removed',
    without: 'event_missing',
    with: 'event_missing',
    log: cutStream('TriggerRaised', 1),
  },
  {
    kind: 'the stream of a suppressed trigger removed',
    without: 'event_missing',
    with: 'event_missing',
    log: cutStream('TriggerRaised', 3),
  },
  {
    kind: 'a trigger removed from log and stream alike',
    without: 'event_missing',
    with: 'event_missing',
    log: cutStream('TriggerRaised', 3),
    others: { messages: (stored) => stored.toSpliced(6, 1) },
  },
  {
    kind: 'the end of the log cut off before the checkpoint',
    without: 'event_missing',
    with: 'event_missing',
    log: (log) => log.slice(0, find(log, 'TriggerRaised', 5)),
  },
  silent('the end of the log cut off after the checkpoint', 'event_missing', LAST, (log) =>
    log.slice(0, -1),
  ),
  {
    kind: 'a trigger put in before the checkpoint',
    without: 'event_added',
    with: 'event_added',
    log: putTrigger(3),
  },
  {
    kind: 'a second request of an offer',
    without: 'event_added',
    with: 'event_added',
    log: putAfter('NotificationRequested', 3, () => ({})),
  },
  {
    kind: 'a raise on an active trigger',
    without: 'event_added',
    with: 'event_added',
    log: raiseAgain(3),
  },
  {
    kind: 'two triggers swapped',
    without: 'event_moved',
    with: 'event_moved',
    log: swap('TriggerRaised', 0, 1),
  },
  {
    kind: 'two events of a stream swapped',
    without: 'revision_gap',
    with: 'event_moved',
    log: swapEvents('TriggerRaised', 'PreviewOffered', 2),
  },
  {
    kind: 'an event repeated',
    without: 'event_added',
    with: 'event_added',
    log: (log) =>
      log.toSpliced(find(log, 'AttemptStarted', 1), 0, eventAt(log, find(log, 'TriggerRaised', 0))),
  },
];

/** A whole trigger with right ids, as somebody makes it who knows how: another one's events in a stream of their own. */
function putTrigger(nth: number): EditLog {
  return (log) => {
    const at = find(log, 'TriggerRaised', nth);
    const commandId = crypto.randomUUID();
    const copied = log.slice(at, at + 3).map((event, index) => {
      const stream = `${event.stream.slice(0, -12)}111111111111`;
      const ids = [...event.stream.matchAll(/[0-9a-f]{12}$/g)].map(([tail]) => tail);
      const text = JSON.stringify(dataOf(event)).replaceAll(ids[0] ?? '', '111111111111');
      return {
        ...event,
        stream,
        id: eventId(commandId, stream, index),
        data: parseJson(text),
        metadata: { ...metadataOf(event), commandId },
      };
    });
    return log.toSpliced(at, 0, ...copied);
  };
}

/** A raise of the second occurrence while the first one is active. */
function raiseAgain(nth: number): EditLog {
  return (log) => {
    const raised = dataOf(eventAt(log, find(log, 'TriggerRaised', nth)));
    const triggerId = textOf(raised['triggerId']).replace(/_1$/, '_2');
    const again = { ...raised, occurrence: 2, triggerId };
    return putAfter('NotificationRequested', nth, () => ({ type: 'TriggerRaised', data: again }))(
      log,
    );
  };
}

function swap(type: string, nth: number, with_: number): EditLog {
  return (log) => {
    const [a, b] = [eventAt(log, find(log, type, nth)), eventAt(log, find(log, type, with_))];
    const of = ({ stream: name }: typeof a) => log.filter((event) => event.stream === name);
    const rest = log.filter(({ stream: name }) => name !== a.stream && name !== b.stream);
    return rest.toSpliced(log.indexOf(a), 0, ...of(b), ...of(a));
  };
}

function swapEvents(one: string, two: string, nth: number): EditLog {
  return (log) => {
    const [a, b] = [find(log, one, nth), find(log, two, nth)];
    return log.with(a, eventAt(log, b)).with(b, eventAt(log, a));
  };
}
