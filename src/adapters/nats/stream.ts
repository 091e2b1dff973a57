// The output stream's settings: the settings that the projector creates, and the settings that it refuses.
import { z } from 'zod';
import type { OutputInfo } from '../../projections/output.ts';
import { TocsinError } from '../../domain/core/errors.ts';

/** The largest message data has 256 KiB; headers come on top. */
export const minimumMessageBytes = 300 * 1024;

/** Before this, after a leader change the server could acknowledge a message that it never stored. */
export const firstSafeClusterVersion = [2, 10, 26] as const;

export type StreamPlan = {
  readonly stream: string;
  readonly subjectRoot: string;
  readonly subjects: readonly string[];
  readonly replicas: number;
};

const natural = z.number().int().nonnegative();

/** The parts of a stream's configuration that are checked; later servers send more. */
const configSchema = z.object({
  name: z.string(),
  description: z.string().default(''),
  subjects: z.array(z.string()).default([]),
  retention: z.string(),
  storage: z.string(),
  discard: z.string().default('old'),
  discard_new_per_subject: z.boolean().default(false),
  max_msgs: z.number().default(-1),
  max_bytes: z.number().default(-1),
  max_age: z.number().default(0),
  max_msgs_per_subject: z.number().default(-1),
  max_msg_size: z.number().default(-1),
  num_replicas: z.number().default(1),
  no_ack: z.boolean().default(false),
  sealed: z.boolean().default(false),
  deny_delete: z.boolean().default(false),
  deny_purge: z.boolean().default(false),
  allow_rollup_hdrs: z.boolean().default(false),
  mirror: z.unknown().optional(),
  sources: z.array(z.unknown()).nullish(),
  subject_transform: z.unknown().optional(),
  republish: z
    .object({
      src: z.string().default(''),
      dest: z.string(),
      headers_only: z.boolean().default(false),
    })
    .nullish(),
  // Of servers 2.11 and 2.12.
  subject_delete_marker_ttl: z.number().default(0),
  allow_msg_ttl: z.boolean().default(false),
  allow_msg_counter: z.boolean().default(false),
  allow_msg_schedules: z.boolean().default(false),
  persist_mode: z.string().default('default'),
});
export type StreamConfig = z.infer<typeof configSchema>;

export const streamInfoSchema = z.object({
  created: z.string(),
  config: configSchema,
  state: z.object({
    first_seq: natural,
    last_seq: natural,
    messages: z.number().default(0),
    bytes: z.number().default(0),
    first_ts: z.string().optional(),
    last_ts: z.string().optional(),
  }),
  cluster: z
    .object({
      replicas: z
        .array(
          z.object({
            name: z.string(),
            current: z.boolean().default(false),
            offline: z.boolean().default(false),
          }),
        )
        .nullish(),
    })
    .nullish(),
  /** The server's time of the answer, of servers 2.10 and newer. */
  ts: z.string().optional(),
});
export type StreamInfo = z.infer<typeof streamInfoSchema>;

const rootPattern = /^(?:[A-Za-z0-9_-]+\.)*$/;
const streamPattern = /^[A-Za-z0-9_-]{1,64}$/;

const defaultSubjects = [
  'trigger.raised.*.*',
  'active_schedule.triggered.*.*',
  'notification.*.requested.*.*',
  'schedule.apply.*.*.*',
] as const;

/** `subjects` without the root. */
export type StreamOptions = { readonly [Name in keyof StreamPlan]?: StreamPlan[Name] | undefined };

/** Checks names and lists the subjects. @throws TocsinError (`usage`) for an invalid stream name or root */
export function planStream(options: StreamOptions): StreamPlan {
  const { stream = 'TOCSIN', subjectRoot = '', replicas = 1, subjects = defaultSubjects } = options;
  if (!streamPattern.test(stream)) {
    const rule = 'may only hold A-Z a-z 0-9 _ - and at most 64 of them';
    throw usage(`The stream name ${JSON.stringify(stream)} ${rule}.`);
  }
  // Under a root called mock or live, real messages would look like mock or republished ones.
  if (!rootPattern.test(subjectRoot) || /^(mock|live)\./.test(subjectRoot)) {
    throw usage(`The subject root ${JSON.stringify(subjectRoot)} is not like "acme." or empty.`);
  }
  const all = ['', 'mock.'].flatMap((part) => subjects.map((s) => `${subjectRoot}${part}${s}`));
  return { stream, subjectRoot, subjects: all, replicas };
}

export function createConfig(plan: StreamPlan, description: string): Record<string, unknown> {
  return {
    name: plan.stream,
    description,
    subjects: plan.subjects,
    retention: 'limits',
    storage: 'file',
    discard: 'old',
    max_consumers: -1,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    num_replicas: plan.replicas,
    deny_delete: true,
    deny_purge: true,
    allow_direct: true,
    // Core subscribers of the subjects also see publishes that the fence refused; those of `live.` do not.
    republish: { src: `${plan.subjectRoot}>`, dest: `${plan.subjectRoot}live.>` },
  };
}

/** The port's view of a stream. @param serverVersion of the connected server, such as `2.9.10` */
export function describeStream(
  plan: StreamPlan,
  info: StreamInfo,
  serverVersion: string,
): OutputInfo {
  return {
    stream: info.config.name,
    created: info.created,
    description: info.config.description,
    // Servers report 0 for a stream that never held a message.
    firstSequence: BigInt(Math.max(info.state.first_seq, 1)),
    lastSequence: BigInt(info.state.last_seq),
    faults: faultsOf(plan, info.config),
    warnings: warningsOf(plan, info.config, serverVersion),
  };
}

function faultsOf(plan: StreamPlan, config: StreamConfig): readonly string[] {
  const missing = plan.subjects.filter(
    (wanted) => !config.subjects.some((subject) => subjectCovers(subject, wanted)),
  );
  const { retention, storage, max_msg_size: size, persist_mode: persist } = config;
  return named([
    retention !== 'limits' && `retention is ${retention}: consumers' acks would remove messages`,
    storage !== 'file' && `storage is ${storage}: a restart would lose every message`,
    !config.deny_delete && 'deny_delete is off: messages could be deleted',
    !config.deny_purge && 'deny_purge is off: a purge could move the sequence',
    config.no_ack && 'no_ack is on: no ack would confirm a stored message',
    config.sealed && 'sealed is on: nothing can be stored',
    isSet(config.mirror) && 'mirror is set: the stream copies another stream',
    isSet(config.sources?.[0]) && 'sources are set: the server writes messages of its own',
    isSet(config.subject_transform) && 'subject_transform is set: subjects would change',
    config.allow_rollup_hdrs && 'allow_rollup_hdrs is on: a message could remove others',
    config.allow_msg_counter && 'allow_msg_counter is on: data would be read as numbers',
    config.allow_msg_schedules && 'allow_msg_schedules is on: the server could write messages',
    config.subject_delete_marker_ttl > 0 &&
      'subject_delete_marker_ttl is set: markers take sequences',
    persist === 'async' &&
      'persist_mode is async: messages are acknowledged before they are written',
    size !== -1 &&
      size < minimumMessageBytes &&
      `max_msg_size is ${size}, under ${minimumMessageBytes}`,
    missing.length > 0 && `subjects lack ${missing.join(', ')}`,
  ]);
}

function warningsOf(plan: StreamPlan, config: StreamConfig, version: string): readonly string[] {
  const foreign = config.subjects.filter(
    (subject) => !plan.subjects.some((wanted) => subjectCovers(wanted, subject)),
  );
  const live = `${plan.subjectRoot}live.>`;
  const isRepublished = config.republish?.headers_only === false && config.republish.dest === live;
  const isUnsafe = config.num_replicas > 1 && !isAtLeast(version, firstSafeClusterVersion);
  return named([
    config.max_age > 0 && 'max_age is set: old messages are dropped',
    config.max_bytes !== -1 && 'max_bytes is set: old messages are dropped',
    config.max_msgs !== -1 && 'max_msgs is set: old messages are dropped',
    config.max_msgs_per_subject > 0 &&
      "max_msgs_per_subject is set: a user's old messages are dropped",
    config.allow_msg_ttl && 'allow_msg_ttl is on: messages of others could expire',
    config.discard !== 'old' && 'discard is new: a full stream refuses messages',
    config.discard_new_per_subject &&
      'discard_new_per_subject is on: a subject can refuse messages',
    foreign.length > 0 && `subjects hold more than the required ones: ${foreign.join(', ')}`,
    !isRepublished && `republish to ${live} is off: core subscribers do not see the messages`,
    isUnsafe &&
      `replicas on nats-server ${version}: use 2.10.26 or newer, earlier versions can lose messages that they acknowledged`,
  ]);
}

/** The texts of the checks that found something. */
export function named(checks: readonly (string | false)[]): readonly string[] {
  return checks.filter((text) => text !== false);
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** True when every subject that `narrow` matches is matched by `wide`. */
export function subjectCovers(wide: string, narrow: string): boolean {
  const [a, b] = [wide.split('.'), narrow.split('.')];
  for (const [i, token] of a.entries()) {
    if (token === '>') return b.length > i;
    const other = b[i];
    if (other === undefined || other === '>') return false;
    if (token !== '*' && token !== other) return false;
  }
  return a.length === b.length;
}

/** Compares a version such as `2.10.26-beta` by its three numbers; text without numbers counts as old. */
export function isAtLeast(version: string, least: readonly [number, number, number]): boolean {
  const numbers = (/^v?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
  for (const [i, bound] of least.entries()) {
    const number = numbers[i] ?? -1;
    if (number !== bound) return number > bound;
  }
  return true;
}

function usage(message: string): TocsinError {
  return new TocsinError('usage', 'nats_output', message, {
    hint: 'See the configuration of the output: stream name and subject root.',
  });
}
