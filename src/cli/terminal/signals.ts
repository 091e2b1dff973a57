// What SIGINT and SIGTERM do, from the first line of the process to its last.
import { EXIT } from './terminal.ts';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export type StopSignal = (typeof STOP_SIGNALS)[number];

let handler: ((name: StopSignal) => void) | undefined;

/** Takes the signals of this process. While no command runs nothing is open, so they end it at once. */
export function watchSignals(): void {
  for (const name of STOP_SIGNALS) {
    process.on(name, () => {
      if (handler !== undefined) handler(name);
      else process.exit(process.exitCode ?? (name === 'SIGINT' ? EXIT.interrupted : EXIT.done));
    });
  }
}

/** Gives the signals to a command, until disposal. */
export function handleSignals(handle: (name: StopSignal) => void): Disposable {
  handler = handle;
  return {
    [Symbol.dispose]() {
      handler = undefined;
    },
  };
}
