// A due process: keeps one row per key with its due time, and hands the row over when it is due.
import { runTogether } from '../../../domain/core/signals.ts';
import { noTelemetry } from '../../../domain/ports/telemetry.ts';
import { dispatcher } from './dispatch.ts';
import { follow } from './follow.ts';
import type { DueProcessOptions } from './options.ts';
import { restartAfterOutages, silentReport, type Process, type ProcessReport } from './process.ts';

/**
 * Hands over rows after it has caught up once: each to one handler at a time, many at once. `run` throws a
 * TocsinError `refused` for the index of another log, and `usage` when store or index are closed while it runs.
 */
export function dueProcess(options: DueProcessOptions): Process {
  return {
    name: options.name,
    run: (signal, report = silentReport) =>
      restartAfterOutages(options, signal, report, (onProgress) =>
        followAndDispatch(options, signal, { ...report, works: onProgress }),
      ),
  };
}

async function followAndDispatch(
  options: DueProcessOptions,
  signal: AbortSignal,
  report: ProcessReport,
): Promise<void> {
  const dispatch = dispatcher(options);
  const observer = {
    rowsChanged(keys: ReadonlySet<string>): void {
      report.works();
      dispatch.rowsChanged(keys);
    },
    caughtUp(): void {
      report.works();
      dispatch.start();
      options.onCaughtUp?.();
    },
  };
  const { index, name: process, telemetry = noTelemetry } = options;
  const forget = telemetry.observe('tocsin.due.rows', () => [[index.count(), { process }]]);
  try {
    await runTogether(signal, [
      (both) => follow(options, both, observer, report),
      (both) => dispatch.run(both),
    ]);
  } finally {
    forget();
  }
}
