// Follows the files of a certificate, so that a renewed certificate needs no restart.
import { setTimeout as sleep } from 'node:timers/promises';
import { isOver } from '../../domain/core/signals.ts';
import type { Logger } from '../../domain/ports/logger.ts';

export type Pem = { readonly key: string; readonly certificate: string };

export type RenewedTlsOptions = {
  /** Reads both files. */
  readonly read: () => Pem;
  /** What is in use. */
  readonly first: Pem;
  /** Takes new ones. @throws Error when key and certificate do not fit */
  readonly renew: (pem: Pem) => void;
  readonly logger: Logger;
  /** Milliseconds between two looks; default 10,000. */
  readonly everyMs?: number;
};

/** Looks at the files until the signal. What cannot be read, or does not fit, leaves the old certificate in use. */
export async function followTls(
  { read, first, renew, logger, everyMs = 10_000 }: RenewedTlsOptions,
  signal: AbortSignal,
): Promise<void> {
  let used = first;
  while (!isOver(signal)) {
    await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
    if (isOver(signal)) return;
    try {
      const { key, certificate } = read();
      if (key === used.key && certificate === used.certificate) continue;
      renew({ key, certificate });
      used = { key, certificate };
      logger.info({}, 'the certificate was renewed');
    } catch (error) {
      // The two files are written one after the other: the next look may find both.
      logger.warn({ err: error }, 'the new certificate cannot be used; the old one stays');
    }
  }
}
