// Checks for health whether the servers of an output can be reached, because a projector without work would not
// notice it.
import type { ProcessReport } from '../../kernel/processes/due/process.ts';
import { OutputError, type Output, type OutputSession } from '../../projections/output.ts';

/** The output, with a report of each connection that is made, refused or lost. */
export function watchedOutput(output: Output, report: ProcessReport): Output {
  return {
    ...output,
    async connect(signal) {
      try {
        const session = await output.connect(signal);
        report.works();
        return watchedSession(session, report);
      } catch (error) {
        if (signal?.aborted !== true) report.waits(reasonOf(error));
        throw error;
      }
    },
  };
}

function watchedSession(session: OutputSession, report: ProcessReport): OutputSession {
  const watched = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof OutputError && error.failure.kind === 'unavailable') {
        report.waits(reasonOf(error));
      }
      throw error;
    }
  };
  return {
    ...session,
    // A projector asks for it every few seconds, also when it has nothing to send.
    info: () => watched(session.info()),
    publish: (first, messages) => watched(session.publish(first, messages)),
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
