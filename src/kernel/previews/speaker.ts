// Who speaks about which preview, and work that outlives a call.
import { IdSchema } from '../../domain/core/identity.ts';
import { parseOccurrenceId } from '../../domain/core/ids.ts';
import type { PreviewCaller } from '../../domain/preview/end.ts';

/** Work that the kernel's `close` waits for. */
export type Track = <T>(work: () => Promise<T>) => Promise<T>;

/** Where a preview's id leads, for a user; `undefined` for what is no id. */
export function speakerOf(
  kernel: string,
  userId: unknown,
  previewId: string,
): (PreviewCaller & { readonly stream: string; readonly occurrence: number }) | undefined {
  const user = IdSchema.safeParse(userId);
  const place = previewId.startsWith('asp_') ? parseOccurrenceId(kernel, previewId) : undefined;
  if (!user.success || place === undefined) return undefined;
  return { userId: user.data, previewId, ...place };
}
