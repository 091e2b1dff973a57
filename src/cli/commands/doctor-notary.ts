// The check of `tocsin doctor` of the notary: its key, the age of its last head, and heads that wait to be given away.
import { existsSync } from 'node:fs';
import { readNotaryKey } from '../../adapters/notary/key-file.ts';
import { openNotaryRecord } from '../../adapters/sqlite/notary-state.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { isRestored, notaryRestored } from '../compose/restored-notary.ts';
import type { Config } from '../config/config.ts';
import { ok, warning, type Check } from './doctor-check.ts';

/** A head is signed each minute while the log grows. */
const LATE_MS = 15 * 60_000;

/** @param now in milliseconds since 1970 */
export function notaryState({ notary }: Config, now: number): Check {
  const { state, key, everyMs } = notary;
  if (!existsSync(state)) return ok('notary', 'has not run with these settings');
  if (!existsSync(key)) {
    throw new TocsinError('refused', 'notary_key_missing', `${key} does not exist`, {
      hint: 'Restore the key, or check --notary-key. A new key is unknown to those who keep heads.',
    });
  }
  const { signer } = readNotaryKey(key);
  if (isRestored(state)) throw notaryRestored(state);
  using record = openNotaryRecord(state);
  const last = record.lastHead();
  if (last === undefined) return ok('notary', `key ${signer.key.slice(0, 16)}, no head yet`);
  const unsigned = (record.read()?.place.size ?? 0) - last.head.size;
  const age = now - Date.parse(last.head.time);
  const detail = `key ${signer.key.slice(0, 16)}, last head of ${last.head.size} events, signed ${last.head.time}`;
  const waiting = [...record.taken()].filter(([, number]) => number < last.number);
  if (waiting.length > 0) {
    const names = waiting.map(([name, number]) => `${name} lacks ${last.number - number}`);
    const text = `${detail}; heads wait to be given away: ${names.join(', ')}`;
    const hint =
      'Run the notary: it gives them in order. Check the file, the subject or the webhook that does not take them.';
    return warning('notary', 'heads_not_given', text, hint);
  }
  if (unsigned > 0 && age > Math.max(LATE_MS, 2 * everyMs)) {
    const text = `${detail}; ${unsigned} events since have no head`;
    const hint = 'Run the notary: `tocsin notary`, or `tocsin start`.';
    return warning('notary', 'heads_late', text, hint);
  }
  return ok('notary', detail);
}
