// The log of a daemon: JSON lines, with repeats folded.
import { foldRepeats } from '../../adapters/logging/fold-repeats.ts';
import { jsonLogger, logFatal, type JsonLoggerOptions } from '../../adapters/logging/pino.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { FatalLine } from '../terminal/terminal.ts';
import type { Config } from '../config/config.ts';

export function daemonLogger(
  { logLevel: level }: Pick<Config, 'logLevel'>,
  options: Pick<JsonLoggerOptions, 'destination'> = {},
): Logger {
  return foldRepeats(jsonLogger({ level, ...options }));
}

/** The last line of a daemon's log, when an error ends it. */
export function fatalLine(destination: NodeJS.WriteStream): FatalLine {
  return (failure) => {
    const { code, kind, hint, message } = failure;
    logFatal({ code, kind, hint, err: failure }, message, destination);
  };
}
