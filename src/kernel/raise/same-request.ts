// Whether a raise is the request that has claimed its idempotency key. The meaning counts: a field that has the value of
// its default is the same as no field, and payloads are the same if the schema makes the same of them.
import { isDeepStrictEqual } from 'node:util';
import type { Claim } from '../../domain/idempotency/events.ts';
import type { RaiseRequest } from '../../domain/trigger/commands.ts';
import { usualFields } from '../../domain/trigger/parse-raise.ts';
import type { Call } from '../decider/decider.ts';
import { bindPayload, type RaiseContext } from './prepare.ts';
import { requestHash } from './request-hash.ts';

type Sent = Readonly<Record<string, unknown>>;

/** @param sent what the client sent, without defaults */
export async function isRequestOf(
  context: RaiseContext,
  { requestHash: claimed, personal: { salt, payload } }: Claim,
  request: RaiseRequest,
  sent: Sent,
  call: Call,
): Promise<boolean> {
  // Without the salt of a forgotten user nothing can be compared: the key alone then stands for the request.
  if (salt === undefined || requestHash(sent, salt) === claimed) return true;
  const definition = context.definitions.get(request.triggerType);
  if (definition === undefined) return false;
  const others = formsOf({ ...sent, payload }, request, usualFields(definition));
  if (others.every((form) => requestHash(form, salt) !== claimed)) return false;
  // A schema that has changed since the first raise reads both payloads.
  const read = (of: RaiseRequest['payload']) => bindPayload(context, definition, of, call);
  const [first, second] = [await read(payload), await read(request.payload)];
  return first.ok && second.ok && isDeepStrictEqual(first.value.payload, second.value.payload);
}

/** The request with and without each field that has the value of its default. */
function formsOf(
  sent: Sent,
  request: Pick<RaiseRequest, 'source' | 'targetType'>,
  usual: Readonly<Record<'source' | 'targetType', string | undefined>>,
): readonly Sent[] {
  let forms: readonly Sent[] = [sent];
  for (const field of ['source', 'targetType'] as const) {
    const value = request[field];
    if (value !== usual[field]) continue;
    forms = forms.flatMap((form) => [
      { ...form, [field]: value },
      { ...form, [field]: undefined },
    ]);
  }
  return forms;
}
