// `tocsin start --once`: raises the examples, projects until the head of the log, prints a summary.
import type { TaskWorkerOptions } from '../compose/tasks.ts';
import { EXIT, secondsSince } from '../terminal/terminal.ts';
import { raiseExamples } from './example-triggers.ts';
import { withoutJson } from './narrator.ts';
import type { StartedParts } from './start-live.ts';
import { runTasksOnce } from './tasks-once.ts';

export async function startOnce(parts: StartedParts, tasks: TaskWorkerOptions): Promise<number> {
  const { terminal, signal, wasInterrupted, kernel, projector, narrator, startedAt } = parts;
  const raised = parts.withExamples ? await raiseExamples(kernel, narrator, signal) : undefined;
  const jobs = await runTasksOnce(tasks, withoutJson(terminal), signal);
  const summary = await projector.once({}, signal);
  const { read = 0, duplicates = 0, rejected = 0 } = raised ?? {};
  const result = {
    read,
    raised: (raised?.raised ?? 0) + jobs.raised,
    duplicates,
    rejected,
    jobs: { scheduled: jobs.scheduled, triggered: jobs.triggered, skipped: jobs.skipped },
    ...summary,
    seconds: secondsSince(startedAt),
  };
  terminal.print(result);
  terminal.say(
    `${jobs.scheduled} jobs scheduled, ${jobs.triggered} triggered; ${result.raised} raised, ` +
      `${duplicates} duplicates; ${summary.triggered} triggers and ` +
      `${summary.published} notifications published, ${summary.suppressed} suppressed ` +
      `(output sequence ${summary.outputSequence}, ${result.seconds} s)`,
  );
  if (wasInterrupted()) return EXIT.interrupted;
  return rejected > 0 ? EXIT.partly : EXIT.done;
}
