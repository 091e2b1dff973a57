import type { Logger } from '../../domain/ports/logger.ts';

/** Tells, once per request, that its summary has lost links; the summary itself is personal. */
export function warnOfLinks(
  logger: Logger,
  about: {
    readonly triggerId: string;
    readonly triggerType: string;
    readonly linksRemoved: number;
  },
): void {
  logger.warn(about, 'links were removed from the summary of a notification');
}
