// A due process: follows its streams, keeps one row per key with its due time, sleeps until the next row is
// due, and hands it over. The caller defines the rows and handles them.
import { dispatcher } from './dispatch.ts';
import { follow } from './follow.ts';
import type { DueProcessOptions } from './options.ts';
import { restartAfterOutages, type Process } from './process.ts';

/**
 * Makes a process of a due index. The process hands over rows after it has caught up with the log once:
 * each row to one handler at a time, many rows at once. It waits out outages.
 *
 * `run` throws a TocsinError `refused` when the index belongs to another log than `store`, and `usage` when
 * store or index are closed while it runs.
 */
export function dueProcess(options: DueProcessOptions): Process {
  return {
    name: options.name,
    run: (signal) =>
      restartAfterOutages(options, signal, (onProgress) =>
        followAndDispatch(options, signal, onProgress),
      ),
  };
}

async function followAndDispatch(
  options: DueProcessOptions,
  signal: AbortSignal,
  onProgress: () => void,
): Promise<void> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const dispatch = dispatcher(options, both);
  const following = follow(options, both, {
    rowsChanged(keys) {
      onProgress();
      dispatch.rowsChanged(keys);
    },
    caughtUp() {
      onProgress();
      dispatch.start();
      options.onCaughtUp?.();
    },
  });
  // The end of one part ends the other, which finishes its work in progress.
  const endBoth = (): void => {
    stop.abort();
  };
  const parts = [following, dispatch.run()].map((part) => part.finally(endBoth));
  const failed = (await Promise.allSettled(parts)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}
