// Long audits that a page has started. They run in this process, two at a time, and their results are kept for a while.
import { randomUUID } from 'node:crypto';
import type { Logger } from '../../../domain/ports/logger.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { Page } from '../../../console/layout.ts';
import type { View } from '../../../console/markup.ts';

/** What a job has made: a page, and perhaps a file. `href` is the address of the file. */
export type JobResult = {
  readonly page: (view: View, href: string) => Page;
  readonly file?: { readonly name: string; readonly text: string };
};

export type JobSpec = {
  readonly title: (view: View) => string;
  readonly run: (progress: (events: number) => void) => Promise<JobResult>;
};

export type Job = Pick<JobSpec, 'title'> & {
  events: number;
  failure: string | undefined;
  result: JobResult | undefined;
};

const MAX_RUNNING = 2;
const MAX_KEPT = 20;

export type Jobs = ReturnType<typeof createJobs>;

export function createJobs(logger: Logger) {
  const jobs = new Map<string, Job>();
  const isRunning = ({ result, failure }: Job): boolean => !result && failure === undefined;
  return {
    find: (id: string): Job | undefined => jobs.get(id),
    /** Starts a job and returns its id; `undefined` when too many run. */
    start({ title, run }: JobSpec): string | undefined {
      if ([...jobs.values()].filter(isRunning).length >= MAX_RUNNING) return undefined;
      const job: Job = { title, events: 0, failure: undefined, result: undefined };
      const id = randomUUID();
      jobs.set(id, job);
      const ended = [...jobs].find(([, each]) => !isRunning(each));
      if (jobs.size > MAX_KEPT && ended !== undefined) jobs.delete(ended[0]);
      run((events) => {
        job.events = events;
      }).then(
        (result) => {
          job.result = result;
        },
        (error: unknown) => {
          logger.warn({ err: error }, 'a job of the console has failed');
          job.failure =
            error instanceof TocsinError ? `${error.message} ${error.hint}` : 'See the log.';
        },
      );
      return id;
    },
  };
}
