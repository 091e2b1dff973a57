// Personal text outside of the personal part: masks, names, and reasons that a person wrote. This text is sealed
// with the personal part, and a placeholder takes its place, because the fields are required.
import type { Json, JsonObject } from '../../domain/core/json.ts';

/** What a reader without the user's key gets. */
export const SEALED_TEXT = '(sealed)';

const PLAIN_FIELDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['ChannelConfigured', ['mask']],
  ['ChannelTested', ['detail']],
  ['TokenCreated', ['name']],
  ['TokenRevoked', ['reason']],
  ['DeliveryRedriven', ['reason']],
  // A receiver may answer with the text that it was sent.
  ['AttemptSucceeded', ['code', 'providerMessageId']],
  ['AttemptFailed', ['detail']],
  ['AttemptOutcomeUnknown', ['detail']],
  ['DeliveryDeferred', ['detail']],
  ['DeliveryDied', ['detail']],
  // An evaluator may give a reason that names what the trigger is about.
  ['TriggerClosed', ['reason']],
  ['TriggerRejected', ['reason']],
  ['TriggerAbandoned', ['reason']],
  ['DueJobCancelled', ['detail']],
  ['DueJobSkipped', ['detail']],
  ['DueJobFailed', ['detail']],
]);

/** The token of a service has no user, and no key. */
const OF_TOKENS: ReadonlySet<string> = new Set(['TokenCreated', 'TokenRevoked']);

/** The readable texts of an event of a user. */
export function plainTexts(type: string, data: JsonObject): JsonObject {
  if (OF_TOKENS.has(type) && typeof data['userId'] !== 'string') return {};
  return textsOf(type, data);
}

function textsOf(type: string, data: JsonObject): JsonObject {
  const found = (PLAIN_FIELDS.get(type) ?? []).flatMap((field): [string, Json][] => {
    const value = data[field];
    return typeof value === 'string' && value !== SEALED_TEXT ? [[field, value]] : [];
  });
  return Object.fromEntries(found);
}

/** The data with a placeholder for each of these texts. */
export function withoutTexts(data: JsonObject, texts: JsonObject): JsonObject {
  return { ...data, ...Object.fromEntries(Object.keys(texts).map((name) => [name, SEALED_TEXT])) };
}

/** An unsealed personal part, separated from the texts that were sealed with it. */
export function restoreTexts(
  type: string,
  personal: JsonObject,
): { readonly texts: JsonObject; readonly personal: JsonObject } {
  const texts = textsOf(type, personal);
  const rest = Object.entries(personal).filter(([name]) => !(name in texts));
  return { texts, personal: Object.fromEntries(rest) };
}
