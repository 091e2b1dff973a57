// A preview as its owner reads it, at an instant: also after it has ended.
import type { Instant } from '../core/instants.ts';
import { formatInstant } from '../core/instants.ts';
import type { Offered } from './facts.ts';
import { isOpen, openApply, type Apply, type Preview } from './state.ts';

/** How a preview stands. `expired` from its `expiresAt` on, whoever has noticed. */
export type PreviewStatus = 'ready' | 'applied' | 'dismissed' | 'expired';

export type PreviewView = Omit<Preview, 'applies' | 'ending'> & {
  readonly status: PreviewStatus;
  readonly canConfirm: boolean;
  readonly canDismiss: boolean;
  readonly trigger: {
    readonly triggerId: string;
    readonly triggerType: string;
    readonly source: string;
    readonly targetType: string;
    readonly targetId: string;
    readonly requestedAt: string;
    readonly mock: boolean;
  };
  /** The latest yes, and what became of it. */
  readonly apply?: Pick<
    Apply,
    'applyId' | 'candidateId' | 'status' | 'appliedEventIds' | 'code' | 'detail'
  >;
};

/** The preview as it stands at `now`. */
export function viewOf({ raised, preview }: Offered, now: Instant): PreviewView {
  const { applies, ending, ...content } = preview;
  const last = applies.find(({ status }) => status === 'applied') ?? applies.at(-1);
  const isReady = isOpen(preview, now) && openApply(preview) === undefined;
  const { triggerId, triggerType, source, targetType, targetId } = raised;
  return {
    ...content,
    status: ending ?? (now < preview.expiresAt ? 'ready' : 'expired'),
    canConfirm: isReady,
    canDismiss: isReady,
    trigger: {
      triggerId,
      triggerType,
      source,
      targetType,
      targetId,
      requestedAt: formatInstant(raised.requestedAt),
      mock: raised.mockNow !== undefined,
    },
    ...(last === undefined ? {} : { apply: applyOf(last) }),
  };
}

function applyOf({ applyId, candidateId, status, appliedEventIds, code, detail }: Apply) {
  const why = code === undefined ? {} : { code, detail };
  return { applyId, candidateId, status, appliedEventIds, ...why };
}
