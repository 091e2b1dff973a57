// Personal texts that no user's key seals.
import { isJsonObject } from '../../domain/core/json.ts';
import { personalContent, sealOf } from '../../domain/core/personal.ts';
import { isUnreadable, type RecordedEvent } from '../../domain/core/recorded-event.ts';
import { plainTexts } from '../sealing/plain-fields.ts';

/** True for an event with personal texts that anyone can read who has the log. */
export function isPlain({ type, data }: RecordedEvent): boolean {
  if (isUnreadable(data) || !isJsonObject(data)) return false;
  if (Object.keys(plainTexts(type, data)).length > 0) return true;
  return sealOf(data) === undefined && Object.keys(personalContent(data['personal'])).length > 0;
}
