// Writes logs as JSON lines through pino.
import pino, { type DestinationStream } from 'pino';
import { escapeControls } from '../../domain/core/text.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import { redactFields, redactText } from './redact.ts';

export type JsonLoggerOptions = {
  /** The lowest level that is written; default `info`. */
  readonly level?: keyof Logger;
  /** Default: standard output. */
  readonly destination?: DestinationStream;
};

/** The names of every entry's own fields; another field with such a name gets an underscore. */
const OWN_FIELDS = ['level', 'time', 'msg'];

/** Writes JSON lines. Secrets are redacted, errors are written with their causes, and bigints as text. */
export function jsonLogger(options: JsonLoggerOptions = {}): Logger {
  const log = openPino(options);
  const at =
    (name: keyof Logger) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      // Redaction costs more than writing, so it is skipped for disabled levels.
      if (log.isLevelEnabled(name)) log[name](renamed(redactFields(fields)), redactText(message));
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Writes the last line of a process that ends with an error, at the level `fatal`. */
export function logFatal(
  fields: Readonly<Record<string, unknown>>,
  message: string,
  destination: DestinationStream,
): void {
  openPino({ destination }).fatal(renamed(redactFields(fields)), redactText(message));
}

function openPino({ level = 'info', destination }: JsonLoggerOptions): pino.Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Texts from outside are part of entries, and people read logs on terminals.
      hooks: { streamWrite: (line) => `${escapeControls(line.trimEnd())}\n` },
    },
    destination,
  );
}

function renamed(fields: Record<string, unknown>): Record<string, unknown> {
  const nameOf = (name: string): string => (OWN_FIELDS.includes(name) ? `${name}_` : name);
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [nameOf(name), value]));
}
