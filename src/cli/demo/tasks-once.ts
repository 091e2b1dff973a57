// Tasks for `tocsin start --once`: jobs that become due within seconds are triggered and evaluated.
import { setTimeout as sleep } from 'node:timers/promises';
import { headOf, openTaskWorker, type TaskWorkerOptions } from '../compose/tasks.ts';
import { storyPrefixes, taskStory, type TaskStory } from './task-story.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** Jobs that become due within this time are awaited, as are those of the example. */
const AHEAD_MS = 4_000;
const POLL_MS = 20;

/** Adapts the jobs, waits for those that become due, and shows their events. */
export async function runTasksOnce(
  options: Omit<TaskWorkerOptions, 'once'>,
  terminal: Pick<Terminal, 'say' | 'print'>,
  signal: AbortSignal,
): Promise<TaskStory['counts']> {
  const { store, config } = options;
  const story = taskStory(terminal);
  const prefixes = storyPrefixes(config.name);
  const from = await headOf(store, prefixes);
  {
    await using tasks = await openTaskWorker({ ...options, once: true });
    await tasks.importAll(signal);
    const until = Date.now() + AHEAD_MS;
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const working = tasks.worker.run(both);
    const waiting = (async () => {
      while (!both.aborted && !(await tasks.isDone(until))) await sleep(POLL_MS);
    })();
    try {
      await Promise.race([waiting, working]);
    } finally {
      stop.abort();
      await Promise.allSettled([waiting, working]);
    }
    await Promise.all([waiting, working]);
  }
  for await (const page of store.readAll({ direction: 'forwards', from, prefixes })) {
    for (const recorded of page) story.show(recorded);
  }
  return story.counts;
}
