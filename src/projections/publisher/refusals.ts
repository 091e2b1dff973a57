// Refusals: the projector stops where going on could lose, double or misattribute notifications. Each
// message says what was found; each hint says what an operator can do.
import { TocsinError } from '../../domain/core/errors.ts';

/** Codes of the refusals that a recovery mode resolves. */
export const RESOLVABLE = new Set([
  'output_missing',
  'output_replaced',
  'output_behind',
  'output_not_ours',
  'old_history',
]);

const RECOVERY =
  'Check --nats and the stream first. Then choose: --adopt-tail (the stream’s last message is right, go on after it), ' +
  '--resend-from POSITION (send the messages of later events again), or --from-now (send only messages of future events). ' +
  'The choice is recorded in the log.';

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
      'Another program wrote to the stream, or another log did. ' +
        'Nothing is sent. Compare with `tocsin audit replay`, and check --store and --nats.',
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
      'The log was truncated or restored from an older copy. Restore the newer copy; ' +
        'nothing is sent until then.',
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
