// Refusals: the projector stops where it could lose or double notifications, or assign them to the wrong log. Each
// message says what was found; each hint says what an operator can do.
import { TocsinError } from '../../domain/core/errors.ts';

/** Codes of the refusals that a recovery mode resolves. */
export const RESOLVABLE = new Set([
  'output_missing',
  'output_replaced',
  'output_behind',
  'output_not_ours',
  'old_history',
  'output_ahead',
  'output_disagrees',
  'log_shorter',
  'events_skipped',
]);

/** True where the stream's messages are of this log, so that its last message can be adopted. */
export function isOfThisLog(code: string): boolean {
  return !['output_ahead', 'output_disagrees', 'log_shorter', 'events_skipped'].includes(code);
}

/** True for an outage of the event store, whatever its cause. */
export function isStoreAway(error: unknown): boolean {
  return (
    error instanceof TocsinError && error.kind === 'unavailable' && error.code.startsWith('store_')
  );
}

/** True where the event store refuses the user, or what the user asks for. */
export function isDenial(error: unknown): error is TocsinError {
  const codes = ['store_login_failed', 'store_access_denied'];
  return error instanceof TocsinError && codes.includes(error.code);
}

/** The log was replaced under a running projector: the next epoch compares it with the checkpoint. */
export function logChanged(missing: string): TocsinError {
  const message = `the log no longer holds ${missing} at its place`;
  return new TocsinError('unavailable', 'log_changed', message, {
    hint: 'The store was restored from a backup or replaced. Start again: the start says what to do.',
  });
}

/** Nothing after the missing events is committed: the next epoch reads them. */
export function skippedNow(stream: string, first: bigint, last: bigint): TocsinError {
  return new TocsinError('unavailable', 'events_skipped', skippedText(stream, first, last), {
    hint: 'Nothing is lost: the events are read from the log. Update the event store if this comes again.',
  });
}

function skippedText(stream: string, first: bigint, last: bigint): string {
  const events = first === last ? `event ${first}` : `events ${first} to ${last}`;
  return `the event store's subscription has not delivered ${events} of ${stream}`;
}

const RECOVERY =
  'Check --nats and the stream first. Then choose: --adopt-tail (the stream’s last message is right, go on after it), ' +
  '--resend-from POSITION (send the messages of later events again), or --from-now (send only messages of future events). ' +
  'The choice is recorded in the log.';

/** Where the log is older than what it has caused. */
export const OLDER_LOG =
  'The log was truncated or restored from an older copy, or another log writes to this stream. Restore the newer ' +
  'log if there is one. If it is lost: --from-now (send only messages of future events), or --resend-from POSITION ' +
  '(send the messages of later events again). The choice is recorded in the log.';

const refusal = (code: string, message: string, hint: string): TocsinError =>
  new TocsinError('refused', code, message, { hint });

export const refusals = {
  missing: (stream: string) =>
    refusal('output_missing', `the log says that ${stream} exists, but it does not`, RECOVERY),
  replaced: (stream: string, expected: string, found: string) =>
    refusal(
      'output_replaced',
      `${stream} was created at ${found}, but the log says ${expected}: it is another stream`,
      RECOVERY,
    ),
  behind: (stream: string, last: bigint, committed: bigint, detail: string) =>
    refusal(
      'output_behind',
      `${stream} ends at ${last}, but messages up to ${committed} were acknowledged; ${detail}`,
      RECOVERY,
    ),
  notOurs: (stream: string, last: bigint) =>
    refusal(
      'output_not_ours',
      `${stream} already holds ${last} messages of another log, and this log has not sent any`,
      'Check --nats and the stream’s name. --from-now sends only messages of future events, --from-start all.',
    ),
  oldHistory: (recordedAt: string) =>
    refusal(
      'old_history',
      `this would send messages of events recorded since ${recordedAt}, more than 24 hours ago`,
      'Choose: --from-start (send them all) or --from-now (send only messages of future events).',
    ),
  disagrees: (stream: string, sequence: bigint, detail: string) =>
    refusal(
      'output_disagrees',
      `message ${sequence} of ${stream} is not the message of the log: ${detail}`,
      'Another program wrote to the stream, or another log did. Nothing is sent. Compare with `tocsin audit verify`, ' +
        'and check --store and --nats. Then choose --from-now or --resend-from POSITION.',
    ),
  ahead: (stream: string, end: bigint, ordinal: bigint) =>
    refusal(
      'output_ahead',
      `${stream} ends at ${end} and holds more messages than the ${ordinal} that the log has decided`,
      OLDER_LOG,
    ),
  skipped: (stream: string, first: bigint, last: bigint) =>
    refusal(
      'events_skipped',
      `${skippedText(stream, first, last)}, and later events are sent already`,
      'Update the event store. Then choose --resend-from POSITION (send the messages of all events after the position ' +
        'again) or --from-now (the missing messages are not sent).',
    ),
  settings: (stream: string, faults: readonly string[]) =>
    refusal(
      'output_settings',
      `${stream} cannot be written safely: ${faults.join('; ')}`,
      'Change these settings of the stream, or name another stream.',
    ),
  otherStore: (expected: string, found: string) =>
    refusal(
      'store_changed',
      `the state file belongs to log ${expected}, but this is log ${found}`,
      'Check --store and --state: each log needs a state file of its own.',
    ),
  logShorter: (missing: string) =>
    refusal(
      'log_shorter',
      `the log no longer holds ${missing}, which has been processed`,
      OLDER_LOG,
    ),
  nothingToAdopt: (stream: string) =>
    refusal(
      'nothing_to_adopt',
      `the last message of ${stream} is not of this log`,
      'Use --from-now, or --resend-from POSITION.',
    ),
  onlyFirst: (option: string) =>
    refusal(
      'way_not_open',
      `${option} is for a log that has not sent any messages yet`,
      'Use --resend-from POSITION, --adopt-tail or --from-now.',
    ),
};
