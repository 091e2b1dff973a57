// `tocsin jobs`: imports due jobs from calendars and NDJSON, lists and cancels them.
import type { Command } from 'commander';
import { openTaskFiles } from '../../schedule/tasks/files/task-files.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { categoryPrefix } from '../../domain/core/ids.ts';
import { formatInstant } from '../../domain/core/instants.ts';
import { cleanText, printable } from '../../domain/core/text.ts';
import { BUILT_IN_DETECTORS } from '../../schedule/detectors/built-in.ts';
import { dueJobCodec } from '../../schedule/due-job/events.ts';
import {
  evolveDueJob,
  initialDueJob,
  type DueJobState,
  type DueJobStatus,
} from '../../schedule/due-job/state.ts';
import { dueJobId, parseDueJobId } from '../../schedule/due-job/stream.ts';
import { cancelDueJob, dueJobDecider } from '../../schedule/due-jobs.ts';
import { importDueJobs } from '../../schedule/import-due-jobs.ts';
import { dueJobContext } from '../compose/tasks.ts';
import { openReader, openStore, type LogReader } from '../compose/compose.ts';
import { EXIT } from '../terminal/terminal.ts';
import { register, type Work } from './command.ts';

type ImportOptions = {
  readonly path: string;
  readonly user?: string;
};
type ListOptions = {
  readonly user?: string;
  readonly status?: string;
  readonly limit?: string;
};
type CancelOptions = { readonly job: string; readonly reason?: string };

const STATUSES: readonly DueJobStatus[] = [
  'pending',
  'failed',
  'triggered',
  'cancelled',
  'skipped',
];
const DEFAULT_LIMIT = 100;
/** How many problems the text output shows; JSON has up to 1,000. */
const SHOWN_PROBLEMS = 20;

export function jobsCommand(program: Command): void {
  const jobs = program
    .command('jobs')
    .description('due jobs: tasks and blocks that are inspected at a time');
  register(
    jobs
      .command('import <PATH>')
      .description('adapt jobs to an .ics or .ndjson file, or to a folder of such files')
      .option('--user <ID>', 'user id for entries that name none'),
    ['store', 'name', 'timeZone', 'lead'],
    'Example:\n  tocsin jobs import tasks.ics --user 42',
    importFrom,
    'path',
  );
  register(
    jobs
      .command('list')
      .description('list jobs from the log, those due next first')
      .option('--user <ID>', 'only jobs of this user')
      .option('--status <STATUS>', `only jobs with this status: ${STATUSES.join(', ')}`)
      .option('--limit <N>', `how many jobs at most (default ${DEFAULT_LIMIT})`),
    ['store', 'name'],
    'Example:\n  tocsin jobs list --status pending --user 42',
    list,
  );
  register(
    jobs
      .command('cancel <JOB>')
      .description('cancel a job until its task changes')
      .option('--reason <TEXT>', 'the reason, for the event'),
    ['store', 'name'],
    'Example:\n  tocsin jobs cancel asj_227bc3adeabbcd5b559229e4f6b8f6f145',
    cancel,
    'job',
  );
}

const importFrom: Work<ImportOptions> = async ({ config, terminal, signal }, options) => {
  const { timeZone, leadMs } = config.tasks;
  await using files = await openTaskFiles({
    path: options.path,
    user: options.user ?? config.tasks.user,
    timeZone,
    urgencyLeadMs: leadMs,
    watch: false,
    now: Date.now,
  });
  const { tasks, blocks, problems, ...counts } = files.snapshot();
  await using store = await openStore(config, 'tocsin jobs import');
  const found = tasks.length + blocks.length;
  let done = 0;
  const changes = await importDueJobs(
    {
      ...dueJobContext(store, config.name),
      concurrency: 64,
      detectors: BUILT_IN_DETECTORS,
      signal,
    },
    { tasks, blocks },
    () => {
      done += 1;
      terminal.progress(() => `${done} of ${found}`);
    },
  );
  const { files: read, imported, ignored, failed } = counts;
  terminal.print({
    files: read,
    imported,
    ignored,
    failed,
    ...changes,
    problems,
    problemsTruncated: failed > problems.length,
  });
  for (const { file, line, component, message } of problems.slice(0, SHOWN_PROBLEMS)) {
    terminal.say(`${file}:${line}  ${component} ${message}`);
  }
  if (failed > SHOWN_PROBLEMS) terminal.say(`… and ${failed - SHOWN_PROBLEMS} more (--json)`);
  terminal.say(
    `${imported} entries of ${read} files; jobs: ${changes.scheduled} scheduled, ` +
      `${changes.rescheduled} moved, ${changes.cancelled} cancelled, ` +
      `${changes.unchanged} unchanged; ${failed} entries could not be read.`,
  );
  return failed > 0 ? EXIT.partly : EXIT.done;
};

const list: Work<ListOptions> = async ({ config, terminal }, options) => {
  const { user, status } = options;
  if (status !== undefined && !STATUSES.some((known) => known === status)) {
    throw new TocsinError('usage', 'invalid_status', `"${status}" is not a status of jobs`, {
      hint: `Use one of ${STATUSES.join(', ')}.`,
    });
  }
  const limit =
    options.limit === undefined ? DEFAULT_LIMIT : numberOf('--limit', options.limit, 1, 1_000_000);
  await using reader = await openReader(config);
  const states = await allJobs(reader, config.name);
  const wanted = [...states]
    .filter(([, state]) => user === undefined || state.subject?.userId === user)
    .filter(([, state]) => status === undefined || state.status === status)
    .sort(([, a], [, b]) => (a.dueAt ?? Infinity) - (b.dueAt ?? Infinity));
  const jobs = wanted.slice(0, limit).map(([stream, state]) => view(stream, state));
  terminal.print({ total: wanted.length, jobs });
  for (const job of jobs) {
    const why = job.code === undefined ? '' : ` (${job.code})`;
    const at = job.dueAt ?? job.triggerAt ?? '';
    terminal.say(
      `${at}  ${job.status}${why}  ${job.kind} ${job.subjectId} of ${job.userId}  ${job.jobId}`,
    );
  }
  if (wanted.length > jobs.length) terminal.say(`… of ${wanted.length} (--limit)`);
  if (wanted.length === 0) terminal.say('There are no such jobs.');
  return EXIT.done;
};

const cancel: Work<CancelOptions> = async ({ config, terminal }, { job, reason }) => {
  const stream = parseDueJobId(config.name, job);
  await using store = await openStore(config, 'tocsin jobs cancel');
  const loaded = stream === undefined ? undefined : await dueJobDecider.load(store, stream);
  const subject = loaded?.state.subject;
  if (subject === undefined) {
    throw new TocsinError('usage', 'no_such_job', `there is no job ${printable(job)}`, {
      hint: 'See `tocsin jobs list`.',
    });
  }
  const change = await cancelDueJob(dueJobContext(store, config.name), {
    subject,
    code: 'operator',
    detail: cleanText(reason, 256),
  });
  terminal.print({ job, change });
  terminal.say(
    change === 'cancelled'
      ? `${job} is cancelled until its task changes.`
      : 'The job does not wait; nothing was changed.',
  );
  return EXIT.done;
};

async function allJobs(
  reader: LogReader,
  kernel: string,
): Promise<ReadonlyMap<string, DueJobState>> {
  const states = new Map<string, DueJobState>();
  const prefixes = [categoryPrefix(kernel, 'duejob')];
  for await (const page of reader.readAll({ direction: 'forwards', prefixes })) {
    for (const recorded of page) {
      const decoded = dueJobCodec.decode(recorded);
      if (decoded.kind !== 'event') continue;
      const before = states.get(recorded.stream) ?? initialDueJob;
      states.set(recorded.stream, evolveDueJob(before, decoded.event));
    }
  }
  return states;
}

function view(stream: string, state: DueJobState) {
  const { subject, status, round, triggerAt, dueAt, code, failures, lastTriggerId } = state;
  return {
    jobId: dueJobId(stream),
    userId: subject?.userId,
    kind: subject?.kind,
    subjectId: subject?.subjectId,
    status,
    round,
    triggerAt: triggerAt === undefined ? undefined : formatInstant(triggerAt),
    dueAt: dueAt === undefined ? undefined : formatInstant(dueAt),
    code,
    failures,
    lastTriggerId,
  };
}

function numberOf(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  throw new TocsinError('usage', 'invalid_option', `${option} ${text} is out of range`, {
    hint: `Use a number from ${min} to ${max}.`,
  });
}
