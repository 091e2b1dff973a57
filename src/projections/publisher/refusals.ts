// Refusals: what the projector will not do by itself, because it could lose, double or misattribute
// notifications. Each says what was found, and which ways on there are.
import { TocsinError } from '../../domain/core/errors.ts';

/** Codes of refusals that an operator's way resolves. */
export const RESOLVABLE = new Set([
  'output_missing',
  'output_replaced',
  'output_behind',
  'output_not_ours',
  'old_history',
]);

const WAYS =
  'Check --nats and the stream first. Then choose: --adopt-tail (the stream’s last message is right, go on after it), ' +
  '--resend-from POSITION (send again what came after it), or --from-now (send only what comes from now on). ' +
  'The choice is recorded in the log.';

const refusal = (code: string, message: string, hint: string): TocsinError =>
  new TocsinError('refused', code, message, { hint });

export const refusals = {
  missing: (stream: string) =>
    refusal('output_missing', `the log says that ${stream} was written, and it is not there`, WAYS),
  replaced: (stream: string, then: string, now: string) =>
    refusal(
      'output_replaced',
      `${stream} was created at ${now}, not at ${then} as the log says: it is another stream`,
      WAYS,
    ),
  behind: (stream: string, last: bigint, committed: bigint, why: string) =>
    refusal(
      'output_behind',
      `${stream} ends at ${last}, but messages up to ${committed} were acknowledged; ${why}`,
      WAYS,
    ),
  notOurs: (stream: string, last: bigint) =>
    refusal(
      'output_not_ours',
      `${stream} already holds ${last} messages of another log, and this log has not sent any`,
      'Check --nats and the stream’s name. --from-now sends only what comes from now on, --from-start everything.',
    ),
  oldHistory: (recordedAt: string) =>
    refusal(
      'old_history',
      `this would send messages of events recorded since ${recordedAt}, more than 24 hours ago`,
      'Choose: --from-start (send them all) or --from-now (send only what comes from now on).',
    ),
  disagrees: (stream: string, sequence: bigint, detail: string) =>
    refusal(
      'output_disagrees',
      `message ${sequence} of ${stream} is not what the log says: ${detail}`,
      'Somebody else wrote to the stream, or the log is not the one that it was made from. ' +
        'Nothing is sent. Compare with `tocsin audit replay`, and check --store and --nats.',
    ),
  settings: (stream: string, faults: readonly string[]) =>
    refusal(
      'output_settings',
      `${stream} cannot be written safely: ${faults.join('; ')}`,
      'Change these settings of the stream, or name another stream.',
    ),
  otherStore: (then: string, now: string) =>
    refusal(
      'store_changed',
      `the state file belongs to log ${then}, and this is log ${now}`,
      'Check --store and --state: each log needs a state file of its own.',
    ),
  logShorter: (where: string) =>
    refusal(
      'log_shorter',
      `the log no longer holds ${where}, which has been processed`,
      'The log was truncated or restored from an older copy. Restore the newer copy; ' +
        'nothing is sent until then.',
    ),
  nothingToAdopt: (stream: string) =>
    refusal(
      'nothing_to_adopt',
      `${stream} holds no message of this log at its end`,
      'Use --from-now, or --resend-from POSITION.',
    ),
  wayNotOpen: (way: string) =>
    refusal(
      'way_not_open',
      `${way} is for a log that has not sent anything yet`,
      'Use --resend-from POSITION, --adopt-tail or --from-now.',
    ),
};
