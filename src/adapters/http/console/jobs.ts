// Long audits that a page has started. They run in this process, two at a time, and their results are kept for a while.
import { randomUUID } from 'node:crypto';
import type { Logger } from '../../../domain/ports/logger.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { Page } from '../../../console/layout.ts';
import type { View } from '../../../console/markup.ts';

export type Job = {
  readonly title: (view: View) => string;
  events: number;
  failure: string | undefined;
  /** The page of the result, once there is one. */
  page: ((view: View) => Page) | undefined;
};

const MAX_RUNNING = 2;
const MAX_KEPT = 20;

export type Jobs = ReturnType<typeof createJobs>;

export function createJobs(logger: Logger) {
  const jobs = new Map<string, Job>();
  return {
    find: (id: string): Job | undefined => jobs.get(id),
    /** Starts a job and returns its id; `undefined` when too many run. */
    start(
      title: Job['title'],
      run: (progress: (events: number) => void) => Promise<(view: View) => Page>,
    ): string | undefined {
      const running = [...jobs.values()].filter(({ page, failure }) => !page && !failure);
      if (running.length >= MAX_RUNNING) return undefined;
      const job: Job = { title, events: 0, failure: undefined, page: undefined };
      const id = randomUUID();
      jobs.set(id, job);
      const [oldest] = jobs.keys();
      if (jobs.size > MAX_KEPT && oldest !== undefined) jobs.delete(oldest);
      run((events) => {
        job.events = events;
      }).then(
        (page) => {
          job.page = page;
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
