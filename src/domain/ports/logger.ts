/** Structured logging with pino's calling order; bring your own. Fields never hold secrets. */
export type Logger = {
  readonly [level in 'debug' | 'info' | 'warn' | 'error']: (
    fields: Readonly<Record<string, unknown>>,
    message: string,
  ) => void;
};

const ignore = (): void => undefined;

/** Says nothing; the default where none is given. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
