// The messages between the store and its writing thread.
import type { TocsinError } from '../../../domain/core/errors.ts';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { AppendRequest } from '../common/append-request.ts';

export type WriterSettings = {
  readonly file: string;
  /** Simulates a full disk at this many pages; for tests. */
  readonly maxPages?: number | undefined;
  /** How many committed ids to remember for appends without an expected revision; default 0. */
  readonly rememberIds?: number | undefined;
};

/** True for the copy of {@link WriterSettings} that the thread receives. */
export function isWriterSettings(value: unknown): value is WriterSettings {
  return (
    typeof value === 'object' && value !== null && 'file' in value && typeof value.file === 'string'
  );
}

/** A pending append; `n` pairs it with its answer. */
export type Numbered = { readonly n: number; readonly request: AppendRequest };

export type ToWriter =
  { readonly kind: 'append'; readonly appends: readonly Numbered[] } | { readonly kind: 'close' };

export type FromWriter =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'failed';
      readonly error: Pick<TocsinError, 'kind' | 'code' | 'message' | 'hint'>;
    }
  | {
      readonly kind: 'answers';
      readonly answers: readonly { readonly n: number; readonly result: AppendResult }[];
    };
