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
 * as by target. Mock requests have a part of their own, so that tests never suppress real notifications.
 * Quiet requests have a part of their own, so that a preview without a notification suppresses none.
 */
export function scopeOf(definition: TriggerDefinition, request: RaiseRequest): Scope {
  const { userId, triggerType, targetType, targetId, feedbackId, idempotencyKey } = request;
  const effective = request.mockNow ?? request.requestedAt;
  const windowStart = tumblingWindowStart(effective, definition.windowMs);
  const prefix = joinKey(userId, triggerType);
  const mock = request.mockNow === undefined ? '' : `:${taggedKeyPart('m', 'mock')}`;
  const quiet = request.quiet === undefined ? '' : `:${taggedKeyPart('q', 'quiet')}`;
  const scope = (part: string, text: string): Scope => ({
    key: `${prefix}:${part}${mock}${quiet}`,
    dedupeKey: `${userId}:${triggerType}:${text}`,
  });
  const byTarget = (): Scope =>
    scope(
      `${taggedKeyPart('t', targetType)}:${joinKey(targetId)}:${taggedKeyPart('w', String(windowStart))}`,
      `${targetType}:${targetId}:${formatInstantSeconds(windowStart)}`,
    );
  return match(definition.scope)
    .with('target', byTarget)
    .with('feedback', () => {
      if (feedbackId !== undefined) return scope(taggedKeyPart('f', feedbackId), feedbackId);
      if (idempotencyKey === undefined) return byTarget();
      return scope(taggedKeyPart('k', idempotencyKey), idempotencyKey);
    })
    .exhaustive();
}

export function triggerStream(kernel: string, request: RaiseRequest, scope: Scope): string {
  return userStream(kernel, 'trigger', request.userId, scope.key);
}
