// A due process: keeps one row per key with its due time, and hands the row over when it is due.
import { runTogether } from '../../../domain/core/signals.ts';
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
  const dispatch = dispatcher(options);
  const observer = {
    rowsChanged(keys: ReadonlySet<string>): void {
      onProgress();
      dispatch.rowsChanged(keys);
    },
    caughtUp(): void {
      onProgress();
      dispatch.start();
      options.onCaughtUp?.();
    },
  };
  await runTogether(signal, [
    (both) => follow(options, both, observer),
    (both) => dispatch.run(both),
  ]);
}
