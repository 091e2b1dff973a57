// The port to the host's own data: it writes the changes of a confirmed preview.
import type { ApplyOutcome, ApplyRequest } from '../preview/apply.ts';

/**
 * Writes all changes, or none: in one transaction that compares the base version and finds every target
 * slot free. Repeats of one `applyId` have one effect. An exception means that nothing was written; after the
 * signal, which is raised after ten seconds, no answer in two seconds and anything but an outcome mean that it may have been.
 */
export type ApplyPreview = (request: ApplyRequest, signal: AbortSignal) => Promise<ApplyOutcome>;
