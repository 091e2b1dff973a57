// A notary whose state was restored from a backup may have given heads away since that backup. It signs again only when
// it knows the last head that somebody holds: two heads that are inconsistent would say that the log was changed.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { TocsinError } from '../../domain/core/errors.ts';
import type { TreeHead } from '../../projections/notary/head.ts';
import type { HeadOutput } from '../../projections/notary/notary.ts';

const markOf = (state: string): string => `${state}.restored`;

/** Called when the state of a notary was put in place from a backup. */
export function markRestored(state: string): void {
  writeFileSync(markOf(state), '', { mode: 0o600 });
}

/** True until {@link acceptRestored}. */
export function isRestored(state: string): boolean {
  return existsSync(markOf(state));
}

/** Called when the notary was consistent with the last head that is known. */
export function acceptRestored(state: string): void {
  rmSync(markOf(state), { force: true });
}

export function notaryRestored(state: string): TocsinError {
  const message = `${state} was restored from a backup: it may have signed heads since that it does not know`;
  return new TocsinError('refused', 'notary_restored', message, {
    hint:
      'Run `tocsin notary --once --after HEADS` with the newest heads that anybody holds: the witness of the webhook, a ' +
      'copy of the heads’ file, or the restored file itself if no head was given away since.',
  });
}

/** Takes nothing; the notary is consistent with this head before it signs another one. */
export function knownHead(head: TreeHead): HeadOutput {
  return {
    name: 'the head of --after',
    give: () => Promise.resolve(),
    lastHead: () => Promise.resolve(head),
  };
}
