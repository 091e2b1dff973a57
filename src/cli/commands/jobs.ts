// `tocsin jobs`: imports due jobs from calendars and NDJSON, lists and cancels them.
import type { Command } from 'commander';
import { categoryPrefix } from '../../domain/core/ids.ts';
import { formatInstant } from '../../domain/core/instants.ts';
import { cleanText, printable } from '../../domain/core/text.ts';
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
import { dueJobContext, openTasks } from '../compose/tasks.ts';
import { openSealedStore } from '../compose/channels.ts';
import { openReader, type LogReader } from '../compose/compose.ts';
import { usageError } from '../config/usage-error.ts';
import { EXIT } from '../terminal/terminal.ts';
import { register, type Work } from './command.ts';

type ImportOptions = { readonly path: string; readonly user?: string };
type ListOptions = { readonly user?: string; readonly status?: string; readonly limit?: string };
type CancelOptions = { readonly job: string; readonly reason?: string };

const STATUSES: readonly DueJobStatus[] = [
  'pending',
  'failed',
  'triggered',
  'cancelled',
  'skipped',
];
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000_000;
/** How many problems the text output shows; JSON has up to 1,000. */
const SHOWN_PROBLEMS = 20;

export function jobsCommand(program: Command): void {
  const jobs = program
    .command('jobs')
    .description('import, list and cancel due jobs of tasks and calendar blocks');
  register(
    jobs
      .command('import <PATH>')
      .description('adapt jobs to an .ics or .ndjson file, or to a folder of such files')
      .option('--user <ID>', 'user id for entries that name none'),
    ['store', 'name', 'timeZone', 'lead', 'vault', 'vaultKeyFile'],
    'Example:\n  tocsin jobs import tasks.ics --user 42',
    importFrom,
  );
  register(
    jobs
      .command('list')
      .description('list jobs from the log, the next due job first')
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
    ['store', 'name', 'vault', 'vaultKeyFile'],
    'Example:\n  tocsin jobs cancel asj_227bc3adeabbcd5b559229e4f6b8f6f145',
    cancel,
  );
}

const importFrom: Work<ImportOptions> = async ({ config, terminal, signal }, options) => {
  const { path, user = config.tasks.user } = options;
  const tasksConfig = { ...config.tasks, user };
  await using files = await openTasks({ tasks: tasksConfig }, path, { watch: false });
  const { tasks, blocks, problems, files: read, imported, ignored, failed } = files.snapshot();
  await using store = await openSealedStore(config, 'tocsin jobs import');
  const found = tasks.length + blocks.length;
  let done = 0;
  const context = { ...dueJobContext(store, config.name), signal };
  const changes = await importDueJobs(context, { tasks, blocks }, () => {
    done += 1;
    terminal.progress(() => `${done} of ${found}`);
  });
  const counts = { files: read, imported, ignored, failed, ...changes };
  terminal.print({ ...counts, problems, problemsTruncated: failed > problems.length });
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
    const hint = `Use one of ${STATUSES.join(', ')}.`;
    throw usageError('invalid_status', `"${status}" is not a status of jobs`, hint);
  }
  const limit = limitOf(options.limit);
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
};

const cancel: Work<CancelOptions> = async ({ config, terminal }, { job, reason }) => {
  const stream = parseDueJobId(config.name, job);
  await using store = await openSealedStore(config, 'tocsin jobs cancel');
  const loaded = stream === undefined ? undefined : await dueJobDecider.load(store, stream);
  const subject = loaded?.state.subject;
  if (subject === undefined) {
    throw usageError('no_such_job', `there is no job ${printable(job)}`, 'See `tocsin jobs list`.');
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
};

async function allJobs(reader: LogReader, kernel: string): Promise<Map<string, DueJobState>> {
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
  const { subject, status, round, code, failures, lastTriggerId } = state;
  const [triggerAt, dueAt] = [state.triggerAt, state.dueAt].map((at) =>
    at === undefined ? undefined : formatInstant(at),
  );
  const { userId, kind, subjectId } = subject ?? {};
  const about = { jobId: dueJobId(stream), userId, kind, subjectId, status, round };
  return { ...about, triggerAt, dueAt, code, failures, lastTriggerId };
}

function limitOf(text = String(DEFAULT_LIMIT)): number {
  const limit = Number(text);
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  const hint = `Use a number from 1 to ${MAX_LIMIT}.`;
  throw usageError('invalid_option', `--limit ${text} is out of range`, hint);
}
