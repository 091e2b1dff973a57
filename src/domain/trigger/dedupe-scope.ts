// The dedupe scope of a request, and the stream of that scope.
import { match } from 'ts-pattern';
import { formatInstantSeconds } from '../core/instants.ts';
import { joinKey, taggedKeyPart } from '../core/keys.ts';
import { userStream } from '../core/ids.ts';
import { tumblingWindowStart } from '../core/windows.ts';
import type { RaiseRequest } from './commands.ts';
import type { TriggerDefinition } from './definitions.ts';

/** A dedupe scope: the stream's key, and the text that contracts show. */
export type Scope = { readonly key: string; readonly dedupeKey: string };

/**
 * The dedupe scope of a request.
 *
 * By target: user, type, target and the window of the effective instant (`mockNow`, else
 * `requestedAt`). By feedback: the feedback id, else the idempotency key, both without a window, else
 * as by target. By scope key: as by target, with the key in its place. A definition without a window has one scope for
 * ever. Mock requests have a part of their own, so that tests never suppress real notifications.
 * Quiet requests have a part of their own, so that a preview without a notification suppresses none.
 */
export function scopeOf(
  definition: Pick<TriggerDefinition, 'scope' | 'windowMs'>,
  request: RaiseRequest,
): Scope {
  const { userId, triggerType, targetType, targetId, feedbackId, idempotencyKey, scopeKey } =
    request;
  const effective = request.mockNow ?? request.requestedAt;
  const prefix = joinKey(userId, triggerType);
  const mock = request.mockNow === undefined ? '' : `:${taggedKeyPart('m', 'mock')}`;
  const quiet = request.quiet === undefined ? '' : `:${taggedKeyPart('q', 'quiet')}`;
  const scope = (part: string, text: string): Scope => ({
    key: `${prefix}:${part}${mock}${quiet}`,
    dedupeKey: `${prefix}:${text}`,
  });
  /** A part with the window of the effective instant, if the definition has one. */
  const within = (part: string, text: string): Scope => {
    if (definition.windowMs === null) return scope(part, text);
    const start = tumblingWindowStart(effective, definition.windowMs);
    const window = taggedKeyPart('w', String(start));
    return scope(`${part}:${window}`, `${text}:${formatInstantSeconds(start)}`);
  };
  const byTarget = (): Scope =>
    within(`${taggedKeyPart('t', targetType)}:${joinKey(targetId)}`, joinKey(targetType, targetId));
  return match(definition.scope)
    .with('target', byTarget)
    .with('feedback', () => {
      if (feedbackId !== undefined) return scope(taggedKeyPart('f', feedbackId), feedbackId);
      if (idempotencyKey === undefined) return byTarget();
      return scope(taggedKeyPart('k', idempotencyKey), idempotencyKey);
    })
    .with('scopeKey', () => {
      const key = scopeKey ?? '';
      return within(taggedKeyPart('s', key), joinKey(key));
    })
    .exhaustive();
}

export function triggerStream(kernel: string, request: RaiseRequest, scope: Scope): string {
  return userStream(kernel, 'trigger', request.userId, scope.key);
}
