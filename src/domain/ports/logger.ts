/** A structured logger with pino's order of arguments. Fields never hold secrets. */
export type Logger = {
  readonly [level in 'debug' | 'info' | 'warn' | 'error']: (
    fields: Readonly<Record<string, unknown>>,
    message: string,
  ) => void;
};

const ignore = (): void => undefined;

/** Logs nothing; the default. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
