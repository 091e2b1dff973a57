// Finds the triggers of a type about a target: reads the log backwards, the newest trigger first. There is no index
// for them, because one target can have triggers in many streams.
import { categoryPrefix, userShare } from '../../domain/core/ids.ts';
import type { CancelRequest } from '../../domain/trigger/cancel.ts';
import { MAX_EXPIRES_IN_MS, type TriggerDefinition } from '../../domain/trigger/definitions.ts';
import { triggerCodec } from '../../domain/trigger/events.ts';
import type { KernelContext } from '../decider/decider.ts';

type AboutTarget = Extract<CancelRequest, { readonly targetId: string }>;

/** Time for evaluations that come later than the raise, in milliseconds. */
const EVALUATION_MS = 24 * 60 * 60 * 1000;

/** A trigger without a window stays active for ever, so the whole log is read; else what can still be delivered. */
export async function* triggersAbout(
  { store, kernel, runtime }: KernelContext,
  { triggerType, targetType, targetId, userId }: AboutTarget,
  { windowMs }: Pick<TriggerDefinition, 'windowMs'>,
): AsyncGenerator<{ readonly stream: string; readonly occurrence: number }, void, undefined> {
  const livesMs = windowMs === null ? Infinity : Math.max(MAX_EXPIRES_IN_MS, windowMs);
  const oldest = runtime.now() - livesMs - EVALUATION_MS;
  const category = categoryPrefix(kernel, 'trigger');
  const prefix = userId === undefined ? category : `${category}${userShare(userId)}-`;
  for await (const page of store.readAll({ direction: 'backwards', prefixes: [prefix] })) {
    for (const recorded of page) {
      if (recorded.type !== 'TriggerRaised') continue;
      const decoded = triggerCodec.decode(recorded);
      if (decoded.kind !== 'event' || decoded.event.type !== 'TriggerRaised') continue;
      if (decoded.metadata.recordedAt < oldest) return;
      const { data } = decoded.event;
      if (data.triggerType !== triggerType || data.targetId !== targetId) continue;
      if (targetType !== undefined && data.targetType !== targetType) continue;
      if (userId !== undefined && data.userId !== userId) continue;
      yield { stream: recorded.stream, occurrence: data.occurrence };
    }
  }
}
