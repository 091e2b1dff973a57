// JSON logs through pino, one line an entry. Whatever looks like a secret is cut out before it is
// written, wherever it stands: in a field, in an error, in an error's cause.
import pino, { type DestinationStream } from 'pino';
import type { Logger } from '../../domain/ports/logger.ts';

export type JsonLoggerOptions = {
  readonly level?: 'debug' | 'info' | 'warn' | 'error';
  /** Default: standard output. */
  readonly destination?: DestinationStream;
};

const SECRET_KEY = /pass(?:word|wd)?$|token|authorization|secret|creds|credential|webhook/i;
const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi;
/** Where a webhook's path is its secret. */
const WEBHOOK_PATH = /(\/(?:hook|trigger-webhook|event)\/)[A-Za-z0-9_-]{8,}/g;
const MAX_DEPTH = 6;

/** A {@link Logger} that writes JSON lines; `debug` and better unless `level` says otherwise. */
export function jsonLogger({ level = 'info', destination }: JsonLoggerOptions = {}): Logger {
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  const at =
    (name: keyof Logger) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      log[name](redactFields(fields), redactText(message));
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Text without credentials of URLs and without webhook keys. */
export function redactText(text: string): string {
  return text.replace(URL_CREDENTIALS, '$1***@').replace(WEBHOOK_PATH, '$1***');
}

function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, show(key, value, 0)]),
  );
}

function show(key: string, value: unknown, depth: number): unknown {
  if (SECRET_KEY.test(key)) return '***';
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '…';
  if (value instanceof Error) return showError(value, depth);
  if (Array.isArray(value)) return value.map((item) => show(key, item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, show(name, field, depth + 1)]),
  );
}

function showError(error: Error, depth: number): object {
  const { name, message, cause } = error;
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  const because = cause === undefined ? {} : { cause: show('cause', cause, depth + 1) };
  return { name, message: redactText(message), ...code, ...because };
}
