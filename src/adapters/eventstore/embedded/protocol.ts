// What the store and its writing thread say to each other.
import type { ErrorKind } from '../../../domain/core/errors.ts';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { AppendRequest } from '../common/append-request.ts';

/** How the writing thread is started. */
export type WriterSettings = {
  readonly file: string;
  /** Makes the disk full at this many pages; for tests. */
  readonly maxPages?: number | undefined;
  /** How many committed ids to remember for writers that expect no revision; none when absent. */
  readonly rememberIds?: number | undefined;
};

/** True for what {@link WriterSettings} became on its way into the thread. */
export function isWriterSettings(value: unknown): value is WriterSettings {
  return (
    typeof value === 'object' && value !== null && 'file' in value && typeof value.file === 'string'
  );
}

/** An append under way; `n` pairs it with its answer. */
export type Numbered = { readonly n: number; readonly request: AppendRequest };

export type ToWriter =
  { readonly kind: 'append'; readonly appends: readonly Numbered[] } | { readonly kind: 'close' };

export type FromWriter =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'failed';
      readonly error: {
        readonly kind: ErrorKind;
        readonly code: string;
        readonly message: string;
        readonly hint: string;
      };
    }
  | {
      readonly kind: 'answers';
      readonly answers: readonly { readonly n: number; readonly result: AppendResult }[];
    };
