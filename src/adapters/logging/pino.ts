// JSON logs through pino, one line an entry.
import pino, { type DestinationStream } from 'pino';
import type { Logger } from '../../domain/ports/logger.ts';
import { redactFields, redactText } from './redact.ts';

export type JsonLoggerOptions = {
  /** What is less than this is not written; default `info`. */
  readonly level?: keyof Logger;
  /** Anything that takes lines; default: standard output. */
  readonly destination?: DestinationStream;
};

/** The names that every entry has; a field of such a name gets an underscore. */
const OWN_FIELDS = ['level', 'time', 'msg'];

/**
 * A {@link Logger} that writes JSON lines with `level`, `time` (RFC 3339 in UTC), `msg` and the entry's
 * fields. Secrets are cut out, errors are written with what caused them, and bigints as text.
 */
export function jsonLogger({ level = 'info', destination }: JsonLoggerOptions = {}): Logger {
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  const at =
    (name: keyof Logger) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      // Making an entry that nobody sees costs more than writing it.
      if (log.isLevelEnabled(name)) log[name](renamed(redactFields(fields)), redactText(message));
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function renamed(fields: Record<string, unknown>): Record<string, unknown> {
  return OWN_FIELDS.some((name) => name in fields)
    ? Object.fromEntries(
        Object.entries(fields).map(([name, value]) => [
          OWN_FIELDS.includes(name) ? `${name}_` : name,
          value,
        ]),
      )
    : fields;
}
