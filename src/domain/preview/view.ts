// A preview as its owner reads it at an instant, also after it has ended.
import { formatInstant, type Instant } from '../core/instants.ts';
import type { Offered } from './offered.ts';
import { isOpen, openApply, type Apply, type Preview } from './state.ts';

/** `expired` from `expiresAt` on, also before an event says it. */
export type PreviewStatus = 'ready' | 'applied' | 'dismissed' | 'expired' | 'cancelled';

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
  /** The apply that succeeded, else the latest. */
  readonly apply?: Pick<
    Apply,
    'applyId' | 'candidateId' | 'status' | 'appliedEventIds' | 'code' | 'detail'
  >;
};

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
