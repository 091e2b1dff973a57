// Folds warnings and errors that repeat: an outage would else write the same line every second.
import type { Logger } from '../../domain/ports/logger.ts';

/** A line that repeats is written at most this often, in milliseconds. */
const EVERY_MS = 60_000;

/** Lines remembered at once; beyond, the oldest is written when it comes again. */
const MAX_LINES = 1_000;

/** Fields that differ from one repeat to the next. Others make another line. */
const VARYING: ReadonlySet<string> = new Set(['waitMs', 'seconds', 'ms', 'tries', 'err']);

type Line = { repeated: number; readonly timer: NodeJS.Timeout; write: (() => void) | undefined };

/**
 * The logger, with repeats of a warning or an error within a minute as one line at the end of the minute. The line has
 * the last fields, and `repeated`: how many it stands for.
 */
export function foldRepeats(logger: Logger, everyMs = EVERY_MS): Logger {
  const lines = new Map<string, Line>();

  const remember = (key: string): void => {
    const [oldest] = lines.size < MAX_LINES ? [] : lines.keys();
    if (oldest !== undefined) forget(oldest);
    const timer = setTimeout(() => {
      const line = lines.get(key);
      forget(key);
      if (line?.write === undefined) return;
      line.write();
      remember(key);
    }, everyMs).unref();
    lines.set(key, { repeated: 0, timer, write: undefined });
  };
  const forget = (key: string): void => {
    clearTimeout(lines.get(key)?.timer);
    lines.delete(key);
  };

  const at =
    (level: 'warn' | 'error'): Logger['warn'] =>
    (fields, message) => {
      const key = `${level} ${message} ${keyOf(fields)}`;
      const line = lines.get(key);
      if (line === undefined) {
        remember(key);
        logger[level](fields, message);
        return;
      }
      line.repeated += 1;
      const { repeated } = line;
      line.write = () => {
        logger[level]({ ...fields, repeated }, message);
      };
    };
  return { ...logger, warn: at('warn'), error: at('error') };
}

function keyOf(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .filter(([name]) => !VARYING.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : typeof value}`)
    .join(' ');
}
